/** For whatever waits until its signal gives up: resolves with null then, or at once. */
export function givenUp(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}
