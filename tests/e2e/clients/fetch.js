// SPDX-License-Identifier: Apache-2.0
// fetch.js PROXY CA-FILE URL: prints "status N" or the error; PROXY "-" is
// none. CONNECT is written out, as Node's standard library has no proxy agent.
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');

const [proxy, caFile, target] = process.argv.slice(2);
const url = new URL(target);
const authority = `${url.hostname}:${url.port || 443}`;

function fail(text) {
	console.log(`error: ${text}`);
	process.exitCode = 1;
}

// socket: the tunnel; undefined without a proxy.
function get(socket) {
	https.get({
		host: url.hostname,
		path: url.pathname,
		socket,
		agent: false,
		ca: fs.readFileSync(caFile),
		servername: url.hostname,
		headers: { Connection: 'close' },
	}, (reply) => {
		console.log(`status ${reply.statusCode}`);
		reply.resume();
	}).on('error', (e) => fail(e.message));
}

// To a proxy that speaks TLS, and may want a certificate. Without a server name
// of its own Node would expect that of the Host line.
function withTls() {
	const mine = process.env.PROXY_CERT ?
		fs.readFileSync(process.env.PROXY_CERT) : undefined;

	return { ca: fs.readFileSync(caFile), cert: mine, key: mine, servername: '' };
}

function getThrough(through) {
	const headers = { Host: authority };

	if (through.username !== '') {
		const plain = decodeURIComponent(through.username) + ':' +
			decodeURIComponent(through.password);

		headers['Proxy-Authorization'] =
			'Basic ' + Buffer.from(plain).toString('base64');
	}
	const secure = through.protocol === 'https:';
	const connect = (secure ? https : http).request({
		host: through.hostname,
		port: through.port,
		method: 'CONNECT',
		path: authority,
		headers,
		timeout: 30000,
		...(secure ? withTls() : {}),
	});
	connect.on('connect', (answer, socket) => {
		if (answer.statusCode === 200) {
			get(socket);
			return;
		}
		fail(`${answer.statusCode} ${answer.statusMessage}`);
		socket.destroy();
	});
	connect.on('error', (e) => fail(e.message));
	connect.end();
}

if (proxy === '-')
	get(undefined);
else
	getThrough(new URL(proxy));
