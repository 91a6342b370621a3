export * from './agent-error.ts';
export * from './event-backlog.ts';
export * from './handshake.ts';
export * from './latency-tasks.ts';
export * from './line-channel.ts';
export * from './lines.ts';
export * from './messages.ts';
export * from './tasks.ts';
