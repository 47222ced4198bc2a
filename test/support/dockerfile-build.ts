import type { Readable } from 'node:stream';
import { PassThrough } from 'node:stream';
import tar from 'tar-stream';
import type { BuildOutput } from '../../src/domain/build.ts';
import type { DockerfileBuild } from '../../src/domain/images.ts';
import type { EngineFixture } from './engine-fixture.ts';

/** The engine's output of a build, without the platform's marks. */
export class Collected implements BuildOutput {
  readonly lines: string[] = [];

  step(text: string): void {
    this.lines.push(text);
  }

  detail(text: string): void {
    this.lines.push(text);
  }

  warn(text: string): void {
    this.lines.push(`! ${text}`);
  }

  get text(): string {
    return this.lines.join('\n');
  }
}

/** The test image, for FROM. */
export function baseOf(fixture: EngineFixture): string {
  return `paas-test/${fixture.runId}:base`;
}

let builds = 0;

/** A build of these files, one of which is the Dockerfile, with its own image. */
export function dockerfileBuild(
  fixture: EngineFixture,
  files: Readonly<Record<string, string>>,
  output: BuildOutput,
): DockerfileBuild {
  return {
    context: contextOf(files),
    dockerfile: 'Dockerfile',
    tag: `paas-test/${fixture.runId}:dockerfile-${++builds}`,
    labels: fixture.labels,
    buildArgs: {},
    memoryBytes: 512 * 1024 * 1024,
    cpuShares: 256,
    output,
  };
}

function contextOf(files: Readonly<Record<string, string>>): Readable {
  const pack = tar.pack();
  for (const [name, content] of Object.entries(files)) pack.entry({ name }, content);
  pack.finalize();
  return pack.pipe(new PassThrough());
}
