import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect } from '../../src/engine/connection.ts';
import { removeContainer } from '../../src/engine/remove-container.ts';

const id = '266d6e412c4f';
/** Docker 20.10's message for a container that ended between its check and its kill. */
const endedMeanwhile = {
  status: 500,
  message: `Could not kill running container ${id}, cannot remove - Container ${id} is not running`,
};
const removed = { status: 204, message: '' };

/** An engine that gives these answers in order, and then repeats the last one. */
async function engineAnswering(...answers: readonly { readonly status: number; readonly message: string }[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { status, message } = answers[Math.min(asked.length, answers.length - 1)] ?? removed;
    asked.push(`${request.method} ${request.url?.split('?')[0]}`);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(status === 204 ? undefined : JSON.stringify({ message }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    connection: connect(`tcp://127.0.0.1:${port}`),
    [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())),
  };
}

test('a container that ends while it is being removed is removed', async () => {
  await using engine = await engineAnswering(endedMeanwhile, removed);
  await removeContainer(engine.connection, id);
  assert.deepEqual(engine.asked, [`DELETE /containers/${id}`, `DELETE /containers/${id}`]);
});

test('an engine that reports a removal in progress for ever is an error', async () => {
  await using engine = await engineAnswering(endedMeanwhile);
  await assert.rejects(removeContainer(engine.connection, id), {
    code: 'internal',
    message: `The engine could not remove container ${id}: ${endedMeanwhile.message}`,
  });
  assert.equal(engine.asked.length, 5);
});

test("a container that the engine cannot remove is an error at once, with the engine's message", async () => {
  const busy = `container ${id}: driver "overlay2" failed to remove root filesystem: device or resource busy`;
  await using engine = await engineAnswering({ status: 500, message: busy });
  await assert.rejects(removeContainer(engine.connection, id), {
    message: `The engine could not remove container ${id}: ${busy}`,
  });
  assert.equal(engine.asked.length, 1);
});

test('removing a container that somebody else removes ends when it is gone', async () => {
  const inProgress = `removal of container ${id} is already in progress`;
  await using engine = await engineAnswering({ status: 409, message: inProgress }, { status: 404, message: 'gone' });
  await removeContainer(engine.connection, id);
  assert.deepEqual(engine.asked, [`DELETE /containers/${id}`, `POST /containers/${id}/wait`]);
});
