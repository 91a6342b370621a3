import type { Provider, ProviderName } from './provider.ts';

/** Loads a provider when it is asked for: the Docker client is heavy, and provider local needs none. */
export async function findProvider(name: ProviderName): Promise<Provider> {
  if (name === 'local') return (await import('./local/local-provider.ts')).localProvider;
  return (await import('./qemu/qemu-provider.ts')).qemuProvider;
}
