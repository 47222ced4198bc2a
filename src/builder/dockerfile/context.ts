import { Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';
import type { SourceTree } from '../../domain/push.ts';
import { DockerIgnore } from './dockerignore.ts';

export interface ContextOptions {
  /** Replaces the Dockerfile of the source. */
  readonly dockerfile: string;
  readonly dockerignore: string;
  readonly signal: AbortSignal;
}

/** The build context as a tar: the source from git, without the paths that .dockerignore excludes. Nothing is written to disk. */
export function buildContext(tree: SourceTree, { dockerfile, dockerignore, signal }: ContextOptions): Readable {
  const ignore = new DockerIgnore(dockerignore);
  const out = pack();
  const write = async () => {
    out.entry({ name: 'Dockerfile' }, dockerfile);
    const archive = await tree.archive(signal);
    const entries = extract();
    archive.on('error', (error) => entries.destroy(error));
    archive.pipe(entries as unknown as NodeJS.WritableStream);
    for await (const entry of entries) {
      const { header } = entry;
      const path = header.name.replace(/\/+$/, '');
      if (path !== 'Dockerfile' && path !== '' && !ignore.leavesOut(path)) {
        await new Promise<void>((resolve, reject) => {
          const sink = out.entry(header, (error) => (error ? reject(error) : resolve()));
          sink.on('error', reject);
          entry.on('error', reject);
          if (header.type === 'file' && header.size > 0) entry.pipe(sink);
          else sink.end(undefined);
        });
      }
      entry.resume();
    }
    out.finalize();
  };
  write().catch((error: unknown) => out.destroy(error as Error));
  return Readable.from(out, { objectMode: false });
}
