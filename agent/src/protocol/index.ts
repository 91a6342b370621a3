export * from './messages.ts';
export * from './tasks.ts';
