/**
 * How the resolver's process is run, so that it stays small whatever it is sent. V8's own young generation grows to 48 MB
 * with a crowd of connections, and keeps it. The memory of reads is in no generation (`resolver/spare-buffers.ts`). More
 * than one arena of the C library would each keep what was freed in it.
 */
export const resolverRuntime = {
  nodeArgs: ['--max-semi-space-size=4'],
  env: { MALLOC_ARENA_MAX: '2' },
} as const;
