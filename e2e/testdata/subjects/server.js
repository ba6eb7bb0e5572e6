// A small service, as examples of frameworks have it.
require('http')
  .createServer((request, response) => response.end(JSON.stringify({path: request.url, at: Date.now()})))
  .listen(3000);
