// SPDX-License-Identifier: Apache-2.0
// What a node program does with http: one line a case.
'use strict';
const http = require('http');
const crypto = require('crypto');

const [host, name, port, closed, bigSum] = process.argv.slice(2);

function ask(options, body) {
	return new Promise((resolve, reject) => {
		const request = http.request({ host, port, ...options }, (answer) => {
			const hash = crypto.createHash('sha256');
			let text = '';
			answer.on('data', (data) => {
				hash.update(data);
				if (text.length < 200)
					text += data.toString('latin1').slice(0, 200);
			});
			answer.on('end', () => resolve({ code: answer.statusCode, text,
				sum: hash.digest('hex') }));
			answer.on('error', reject);
		});
		request.on('error', reject);
		request.end(body);
	});
}

const say = (what, good) => console.log(what, good ? 'ok' : 'wrong');

async function main() {
	const page = 'a small page\n';
	say('page', (await ask({ path: '/small.txt' })).text === page);
	say('by name', (await ask({ host: name, path: '/small.txt' })).text === page);
	say('404', (await ask({ path: '/none' })).code === 404);
	await ask({ port: closed, path: '/' }).catch((error) =>
		console.log('refused', error.code));
	const data = crypto.randomBytes(3000000);
	const sum = crypto.createHash('sha256').update(data).digest('hex');
	const up = await ask({ path: '/up', method: 'PUT' }, data);
	say('upload', up.text === `3000000 ${sum}\n`);
	const all = await Promise.all(Array.from({ length: 100 }, () =>
		ask({ path: '/small.txt' })));
	say('100 at once', all.every((answer) => answer.text === page));
	say('big', (await ask({ path: '/big.bin' })).sum === bigSum);
	http.globalAgent.destroy();
}

main().catch((error) => {
	console.log('failed', error.code || error);
	process.exit(1);
});
