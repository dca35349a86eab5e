import { once } from 'node:events';
import { connect, createServer } from 'node:net';

// line stands between the browser and the server. Cut, nobody listens there any more.
export async function line(base) {
  const { hostname, port } = new URL(base);
  const open = new Set();
  const server = createServer((near) => {
    const far = connect(port, hostname);
    for (const [end, other] of [[near, far], [far, near]]) {
      open.add(end);
      end.on('error', () => other.destroy()).on('close', () => open.delete(end)).pipe(other);
    }
  });
  server.unref(); // a line that was not cut keeps nobody waiting
  const listen = (at) => once(server.listen(at, '127.0.0.1'), 'listening');
  await listen(0);
  const at = server.address().port;
  return {
    base: `http://127.0.0.1:${at}`,
    mend: () => listen(at),
    async cut() {
      const closed = once(server, 'close');
      server.close();
      for (const end of open) end.destroy();
      await closed;
    },
  };
}
