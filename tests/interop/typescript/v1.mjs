// The client of the TypeScript SDK 1.x against `everything`: `v1.mjs URL PAGED_URL CUT_URL SERVER`. It knows the
// session era only.

import { createRequire } from 'node:module';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
    CreateMessageRequestSchema,
    ElicitRequestSchema,
    ListRootsRequestSchema
} from '@modelcontextprotocol/sdk/types.js';

import { CAPABILITIES, ELICIT, ROOTS, SAMPLE } from './asking.mjs';
import { SESSION } from './common.mjs';
import { run } from './exercise.mjs';
import { HTTP, HTTP_SSE, STDIO } from './over.mjs';

const require = createRequire(import.meta.url);
const { version } = require(require.resolve('@modelcontextprotocol/sdk/client').replace(/dist\/.*/, 'package.json'));

const SCHEMAS = {
    [ELICIT]: ElicitRequestSchema,
    [SAMPLE]: CreateMessageRequestSchema,
    [ROOTS]: ListRootsRequestSchema
};

function transportOver(over, server, recorder) {
    if (over === STDIO) return recorder.on(new StdioClientTransport(server.server));
    if (over === HTTP_SSE) return new SSEClientTransport(new URL(`${server}/sse`), { fetch: recorder.fetch });
    return new StreamableHTTPClientTransport(server, { fetch: recorder.fetch });
}

const connecting = over => async (server, recorder, inbox, answers) => {
    const client = new Client({ name: 'interop', version: '1.0.0' }, { capabilities: answers ? CAPABILITIES : {} });
    for (const [method, schema] of Object.entries(answers ? SCHEMAS : {})) {
        client.setRequestHandler(schema, ({ params }, { signal }) => answers.answer(method, params, signal));
    }
    client.fallbackNotificationHandler = inbox.put;
    const transport = transportOver(over, server, recorder);
    // The client tells nobody but its transport which revision was agreed on.
    let protocolVersion;
    const tell = transport.setProtocolVersion?.bind(transport);
    transport.setProtocolVersion = version => {
        protocolVersion = version;
        tell?.(version);
    };
    await client.connect(transport);
    await client.setLoggingLevel('info');
    return {
        era: SESSION,
        over,
        client,
        notFound: -32002,
        opened: () => ({
            protocolVersion,
            serverInfo: client.getServerVersion(),
            capabilities: client.getServerCapabilities(),
            instructions: client.getInstructions()
        }),
        call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
        async allTools() {
            const tools = [];
            let cursor;
            do {
                const page = await client.listTools({ cursor });
                tools.push(...page.tools);
                cursor = page.nextCursor;
            } while (cursor !== undefined);
            return tools;
        },
        async watching(uri, during) {
            if (over === HTTP) await recorder.streamOpened();
            if (uri) await client.subscribeResource({ uri });
            await during();
            if (uri) await client.unsubscribeResource({ uri });
        },
        async attached(sessionId, protocolVersion, inbox) {
            const client = new Client({ name: 'interop', version: '1.0.0' });
            client.fallbackNotificationHandler = inbox.put;
            const transport = new StreamableHTTPClientTransport(server, { sessionId });
            transport.setProtocolVersion(protocolVersion);
            await client.connect(transport);
            const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
            return { client, call };
        },
        end: () => transport.terminateSession()
    };
};

for (const over of [HTTP, HTTP_SSE, STDIO]) {
    await run({ client: 'TypeScript SDK', version, era: SESSION, over, connect: connecting(over) });
}
