// SPDX-License-Identifier: Apache-2.0
// usage: node_server.js PORT ADDRESS: a page, /echo of the body, /stop
'use strict';
const http = require('http');

const server = http.createServer((request, answer) => {
	if (request.url === '/echo') {
		request.pipe(answer);
	} else if (request.url === '/stop') {
		answer.end('bye\n');
		server.close();
		server.closeAllConnections && setTimeout(() =>
			server.closeAllConnections(), 200);
	} else {
		answer.end('hello from node\n');
	}
});
server.listen(Number(process.argv[2]), process.argv[3]);
