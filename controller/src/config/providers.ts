/** Who makes the machines of a pod; apart, so that the command line knows them without reading a schema. */
export const providers = ['qemu', 'local'] as const;
export type Provider = (typeof providers)[number];
