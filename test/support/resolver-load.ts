import { Agent, request } from 'node:http';

/** Sends one request after the other over keep-alive connections until it is stopped. Anything but a 200 is a failure. */
export function load(port: number, lanes: number, method = 'GET') {
  const agent = new Agent({ keepAlive: true });
  const bodies = new Map<string, number>();
  const failures: string[] = [];
  let isOver = false;
  const one = () =>
    new Promise<void>((resolve) => {
      const outgoing = request({ port, method, agent, headers: { Host: 'shop.localhost' } }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('error', (error) => failures.push(error.message));
        answer.on('end', () => {
          if (answer.statusCode === 200) bodies.set(text, (bodies.get(text) ?? 0) + 1);
          else failures.push(`${answer.statusCode} ${text}`);
        });
        answer.on('close', resolve);
      });
      outgoing.on('error', (error) => {
        failures.push(error.message);
        resolve();
      });
      outgoing.end(method === 'POST' ? 'body' : undefined);
    });
  const running = Array.from({ length: lanes }, async () => {
    while (!isOver) await one();
  });
  return {
    bodies,
    failures,
    count: () => [...bodies.values()].reduce((sum, count) => sum + count, 0),
    async stop() {
      isOver = true;
      await Promise.all(running);
      agent.destroy();
    },
  };
}
