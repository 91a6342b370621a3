/** Waits for both sides; of two failures the first one is told, since the other is usually its consequence. */
export async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  let first: unknown;
  let failed = false;
  const noted = <T>(side: Promise<T>): Promise<T> =>
    side.catch((error: unknown) => {
      if (!failed) first = error;
      failed = true;
      throw error;
    });
  const [a, b] = await Promise.allSettled([noted(one), noted(other)]);
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value];
  throw first;
}
