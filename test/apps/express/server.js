const express = require('express');

const app = express();

app.get('/', (request, response) => response.send('Hello from Express.\n'));
app.get('/env/:name', (request, response) => response.type('text').send(process.env[request.params.name] ?? ''));

const server = app.listen(Number(process.env.PORT), () => console.log(`listening on ${process.env.PORT}`));

process.on('SIGTERM', () => {
  console.log('SIGTERM: finishing');
  server.close(() => process.exit(0));
});
