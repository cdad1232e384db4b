// An API behind express-rate-limit. The first argument is the limiter's module, the second its settings.
import { createRequire } from 'node:module';

const require = createRequire(process.argv[2]);
const { rateLimit } = require(process.argv[2]);
const express = require('express');
const settings = JSON.parse(process.argv[3]);

const app = express();
let answered = 0;
let refused = 0;
app.get('/counts', (_, response) => response.json({ answered, refused }));
for (const limiter of settings.limiters) {
  app.use(rateLimit({
    ...limiter,
    handler: (_, response) => {
      refused += 1;
      response.status(429).json({ message: 'too many requests' });
    },
  }));
}
app.get('/items', (_, response) => {
  answered += 1;
  response.json([answered]);
});
app.listen(settings.port, '127.0.0.1');
