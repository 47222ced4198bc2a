import { spawn } from 'node:child_process';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { environment } from '../../src/config/environment.ts';

const json = (response: ServerResponse, value: unknown, status = 200) =>
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));

/** An API of which every answer has more than a megabyte. */
export class LargeAnswers implements AsyncDisposable {
  static readonly lines = 10_000;
  /** The length of each answer's main text. */
  static readonly length = 1_500_000;
  readonly #server = createServer((request, response) => {
    request.resume();
    const path = request.url ?? '';
    const text = 'x'.repeat(LargeAnswers.length);
    if (path.endsWith('/config-vars')) return json(response, { LARGE: text });
    if (path === '/apps') return json(response, [{ id: '1', name: text }]);
    if (path === '/platform/apps') return json(response, []);
    if (path.endsWith('/releases')) return json(response, [{ version: 1, description: text }]);
    if (path.endsWith('/log-sessions')) return json(response, { logplex_url: `${this.url}/log` }, 201);
    if (path === '/log') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const line = 'x'.repeat(LargeAnswers.length / LargeAnswers.lines);
      for (let id = 0; id < LargeAnswers.lines; id++) response.write(`id: ${id}\ndata: ${line}\n\n`);
      return response.end();
    }
    return json(response, { id: 'not_found', message: text }, 404);
  });

  static async start(): Promise<LargeAnswers> {
    const answers = new LargeAnswers();
    await new Promise<void>((resolve) => answers.#server.listen(0, '127.0.0.1', resolve));
    return answers;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /**
   * Runs a line of bash in which `paas` is the given program, against this API. The line's pipes are pipes of the kernel:
   * what Node makes for a child is a socket. Resolves with the outputs and the exit code of the line.
   */
  bash(program: string, line: string, env: Readonly<Record<string, string>> = {}): Promise<LineResult> {
    const child = spawn('bash', ['-c', `paas() { "${process.execPath}" "${program}" "$@"; }\n${line}`], {
      env: {
        ...environment(),
        ...{ PAAS_API: this.url, PAAS_TOKEN: 'x', PAAS_APP: 'shop', NO_COLOR: '1', ...env },
      } as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  async [Symbol.asyncDispose]() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface LineResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
