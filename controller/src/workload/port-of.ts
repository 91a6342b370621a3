/** Ports for the sockets of a run. */

const first = { tcp: 10_000, grpc: 20_000 } as const;
const pods = 100;
/** Another one each round: the last one's may still be in TIME_WAIT. */
const portsPerPod = 100;

/** Pods of provider local share the ports of one host: two of them at work at once should not meet. */
export function portOf(pod: string, use: keyof typeof first, round: number): number {
  let hash = 0;
  for (const character of pod) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  return first[use] + (hash % pods) * portsPerPod + (round % portsPerPod);
}
