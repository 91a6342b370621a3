// The build replaces this number by the hash of everything declared in this folder.
export const LAYOUT_VERSION: u64 = 0;
