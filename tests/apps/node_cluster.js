// SPDX-License-Identifier: Apache-2.0
// usage: node_cluster.js PORT ADDRESS rr|none: four workers serve a page;
// /die ends the one that is asked, and another takes its place
'use strict';
const cluster = require('cluster');
const http = require('http');

cluster.schedulingPolicy = process.argv[4] === 'rr' ?
	cluster.SCHED_RR : cluster.SCHED_NONE;
if (cluster.isPrimary) {
	for (let n = 0; n < 4; n++)
		cluster.fork();
	cluster.on('exit', () => cluster.fork());
} else {
	http.createServer((request, answer) => {
		if (request.url === '/die')
			process.kill(process.pid, 'SIGKILL');
		answer.setHeader('Connection', 'close');
		answer.end(`hello from one of ${process.argv[4]}\n`);
	}).listen(Number(process.argv[2]), process.argv[3]);
}
