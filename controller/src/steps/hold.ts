import { once } from 'node:events';

/**
 * With CXLPOD_HOLD='vm1: boot' whoever comes to what is called so waits there, until `signal` or its end: how a controller is caught between any
 * two things that it does, by the tests, or by a person who wants to look at a half-made pod.
 */
export async function hold(name: string, note: (text: string) => void, signal = new AbortController().signal): Promise<void> {
  if (process.env.CXLPOD_HOLD !== name) return;
  note(`held, as process ${process.pid}`);
  // A process that waits for nothing but this would end.
  const timer = setInterval(() => {}, 60_000);
  await once(signal, 'abort').finally(() => clearInterval(timer));
}
