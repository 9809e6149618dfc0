// The client of the TypeScript SDK 2.x against `everything`: `v2.mjs URL PAGED_URL CUT_URL SERVER`. It knows both eras;
// which one to speak it is told by `mode`.

import { createRequire } from 'node:module';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { CAPABILITIES, ELICIT, ROOTS, SAMPLE } from './asking.mjs';
import { SESSION, STATELESS } from './common.mjs';
import { run } from './exercise.mjs';
import { HTTP, STDIO } from './over.mjs';

const require = createRequire(import.meta.url);
const { version } = require(require.resolve('@modelcontextprotocol/client').replace(/dist\/.*/, 'package.json'));
const EVERY_LIST = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };

function connecting(era, over) {
    return async (server, recorder, inbox, answers) => {
        const mode = era === SESSION ? 'legacy' : 'auto';
        const options = { versionNegotiation: { mode }, capabilities: answers ? CAPABILITIES : {} };
        const client = new Client({ name: 'interop', version: '1.0.0' }, options);
        for (const method of answers ? [ELICIT, SAMPLE, ROOTS] : []) {
            const handler = ({ params }, { mcpReq }) => answers.answer(method, params, mcpReq.signal);
            client.setRequestHandler(method, handler);
        }
        client.fallbackNotificationHandler = inbox.put;
        const transport =
            over === STDIO
                ? recorder.on(new StdioClientTransport(server.server))
                : new StreamableHTTPClientTransport(server, { fetch: recorder.fetch });
        await client.connect(transport);
        if (era === SESSION) await client.setLoggingLevel('info');
        return {
            era,
            over,
            client,
            // In sessions too, where the server says -32002: the SDK makes a type of its own of both.
            notFound: -32602,
            opened: () => ({
                protocolVersion: client.getNegotiatedProtocolVersion(),
                serverInfo: client.getServerVersion(),
                capabilities: client.getServerCapabilities(),
                instructions: client.getInstructions()
            }),
            call: (name, args, options, meta) =>
                client.callTool({ name, arguments: args, ...(era === STATELESS && meta && { _meta: meta }) }, options),
            // Without a cursor it walks through all pages by itself.
            allTools: async () => (await client.listTools()).tools,
            async watching(uri, during) {
                if (era === SESSION) {
                    if (over === HTTP) await recorder.streamOpened();
                    if (uri) await client.subscribeResource({ uri });
                    await during();
                    if (uri) await client.unsubscribeResource({ uri });
                    return;
                }
                const filter = { ...EVERY_LIST, ...(uri && { resourceSubscriptions: [uri] }) };
                const subscription = await client.listen(filter);
                if (JSON.stringify(subscription.honoredFilter) !== JSON.stringify(filter)) {
                    throw new Error(`the server agreed to ${JSON.stringify(subscription.honoredFilter)} only`);
                }
                await during();
                await subscription.close();
            },
            async attached(sessionId, protocolVersion, inbox) {
                const client = new Client({ name: 'interop', version: '1.0.0' });
                client.fallbackNotificationHandler = inbox.put;
                const transport = new StreamableHTTPClientTransport(server, { sessionId, protocolVersion });
                await client.connect(transport);
                const call = (name, args, options) => client.callTool({ name, arguments: args }, options);
                return { client, call };
            },
            end: () => transport.terminateSession()
        };
    };
}

for (const era of [SESSION, STATELESS]) {
    for (const over of [HTTP, STDIO]) {
        await run({ client: 'TypeScript SDK', version, era, over, connect: connecting(era, over) });
    }
}
