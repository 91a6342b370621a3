/**
 * The guest's address on the pod network. Docker gives addresses to containers from the bottom of the subnet, so guests take theirs
 * from the top: machine 1 the last usable one, machine 2 the one before.
 */
export function podAddress(subnet: string, machineNumber: number): string {
  const [base, prefixText] = subnet.split('/');
  const prefix = Number(prefixText);
  const first = base!.split('.').reduce((value, part) => value * 256 + Number(part), 0);
  const broadcast = first + 2 ** (32 - prefix) - 1;
  const address = broadcast - machineNumber;
  // Half of the subnet stays Docker's.
  if (!(address > first + 2 ** (31 - prefix) - 1)) throw new Error(`${subnet} has no room for machine ${machineNumber}`);
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
