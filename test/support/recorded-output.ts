import type { BuildOutput } from '../../src/domain/build.ts';

/** The output that a pusher would read. */
export class RecordedOutput implements BuildOutput {
  readonly lines: string[] = [];

  step(text: string): void {
    this.lines.push(`-----> ${text}`);
  }

  detail(text: string): void {
    for (const line of text.split('\n')) this.lines.push(`       ${line}`);
  }

  warn(text: string): void {
    for (const line of text.split('\n')) this.lines.push(` !     ${line}`);
  }

  get text(): string {
    return this.lines.join('\n');
  }
}
