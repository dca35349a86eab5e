import { once } from 'node:events';
import { createServer, request } from 'node:http';

// mirror stands between the browser and the server. What change says of a path is done to
// its answers, {status, headers, body}, before they go on; null lets one wait for good.
export async function mirror(base) {
  const changes = new Map();
  const server = createServer((near, back) => {
    const far = request(base + near.url, { method: near.method, headers: { ...near.headers, 'accept-encoding': 'identity' } }, async (got) => {
      const answer = { status: got.statusCode, headers: got.headers, body: Buffer.concat(await got.toArray()) };
      const change = changes.get(new URL(near.url, base).pathname);
      const given = change && near.method === 'GET' ? await change(answer) : answer;
      if (!given) return;
      const { 'transfer-encoding': _, ...headers } = given.headers;
      back.writeHead(given.status, { ...headers, 'content-length': given.body.length + (given.lost ?? 0) });
      if (!given.lost) back.end(given.body);
      else back.write(given.body, () => back.destroy());
    });
    far.on('error', () => back.destroy());
    near.pipe(far);
  });
  server.unref();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    change: (path, how) => (how ? changes.set(path, how) : changes.delete(path)),
  };
}
