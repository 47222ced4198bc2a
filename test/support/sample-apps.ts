/** Small apps that need only the stack: a push takes a second and downloads nothing. */

/** Answers every path with its marker and its own variables, `/env/NAME` with a variable, `/slow` after 2 s. */
export function pythonApp(
  marker: string,
  extra: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return {
    Procfile: 'web: python3 -u server.py\nworker: python3 -u worker.py\n',
    'server.py': serverSource.replaceAll('MARKER', marker),
    'worker.py': 'import time\nprint("worker begins", flush=True)\nwhile True: time.sleep(1)\n',
    ...extra,
  };
}

/** Writes two lines, the last one without a newline, and ends before it listens. */
export const crashingApp: Readonly<Record<string, string>> = {
  Procfile: 'web: python3 -u crash.py\n',
  'crash.py':
    'import sys\nprint("reading the settings")\nsys.stderr.write("no DATABASE_URL, giving up")\nsys.exit(3)\n',
};

const serverSource = `import os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow": time.sleep(2)
        if self.path == "/crash": os._exit(7)
        body = "MARKER"
        if self.path.startswith("/env/"): body = os.environ.get(self.path[5:], "<unset>")
        if self.path == "/whoami": body = " ".join([os.environ["DYNO"], os.environ["PAAS_RELEASE"], str(os.getuid())])
        data = body.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_POST = do_GET
    def log_message(self, *args): pass

class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

def main():
    server = Server(("0.0.0.0", int(os.environ["PORT"])), Handler)
    def stop(*_):
        print("stopping", flush=True)
        os._exit(0)
    signal.signal(signal.SIGTERM, stop)
    print("listening on", os.environ["PORT"], flush=True)
    server.serve_forever()

main()
`;
