// What every TypeScript client does with the `everything` server: the features of ../exercise.py, told in the same
// lines of JSON. A client script writes a side, the few calls in which its SDK differs from the other, and hands it to
// `run`.

import assert from 'node:assert/strict';

import { Answers, asking } from './asking.mjs';
import { Inbox, Recorder, REVISION, refused, SESSION, STATELESS, textOf, until, within } from './common.mjs';
import { HTTP, HTTP_SSE, Launch, STDIO, Tap, way } from './over.mjs';
import { resuming } from './resuming.mjs';

const WATCHED = 'test://watched-resource';
const FEATURE_WITHIN = 30_000;
const notResumed = (why, but = []) =>
    Object.fromEntries(Object.keys(resuming).filter(feature => !but.includes(feature)).map(feature => [feature, why]));
const NOT_IN_ERA = {
    [SESSION]: {
        header: 'since 2026-07-28',
        cache: 'since 2026-07-28',
        again: 'in a session a call goes on, see the row above'
    },
    [STATELESS]: {
        ping: 'not in 2026-07-28',
        withdrawn: 'in 2026-07-28 no call runs while the client is asked',
        ...notResumed('2026-07-28 resumes no streams', ['again']),
        end: '2026-07-28 has no sessions'
    }
};
const NOT_OVER = {
    [HTTP]: {},
    [HTTP_SSE]: {
        ...notResumed('HTTP+SSE resumes no streams')
    },
    [STDIO]: {
        ...notResumed('over stdio there is no connection that could be cut'),
        header: 'headers are of HTTP'
    }
};

/** Of what is no feature, whatever the client, the reasons. */
function lackingOver(era, over) {
    const found = { ...NOT_IN_ERA[era], ...NOT_OVER[over] };
    // Here it is the process that ends, in both eras.
    if (over === STDIO) delete found.end;
    return found;
}

const features = {
    async open({ side }) {
        const opened = side.opened();
        assert.equal(opened.protocolVersion, REVISION[side.era]);
        assert.equal(opened.serverInfo.name, 'everything');
        assert.match(opened.instructions, /^For tests only/);
        for (const capability of ['tools', 'resources', 'prompts']) {
            assert.equal(opened.capabilities[capability].listChanged, true, capability);
        }
        assert.equal(opened.capabilities.resources.subscribe, true);
        assert.ok(opened.capabilities.completions);
    },

    async ping({ side }) {
        await side.client.ping();
    },

    async list_tools({ side }) {
        const { tools } = await side.client.listTools();
        assert.equal(tools[0].name, 'test_simple_text');
        assert.deepEqual(tools.find(tool => tool.name === 'echo').inputSchema.required, ['message']);
        assert.ok(tools.every(tool => tool.description));
    },

    async call({ side }) {
        assert.equal(textOf(await side.call('echo', { message: 'Grüße \u{1f980}' })), 'Grüße \u{1f980}');
        // A second one, beside a slow one: calls do not wait for each other.
        let ended = false;
        const slow = side.call('sleep', { ms: 600 }).finally(() => (ended = true));
        assert.equal(textOf(await side.call('echo', { message: 'quick' })), 'quick');
        assert.equal(ended, false);
        assert.equal(textOf(await slow), 'slept for 600 ms');
    },

    async structured({ side }) {
        const result = await side.call('add', { a: 1, b: 2 });
        assert.deepEqual(result.structuredContent, { sum: 3 });
        assert.deepEqual(JSON.parse(textOf(result)), { sum: 3 });
    },

    async content({ side }) {
        const mixed = await side.call('test_multiple_content_types', {});
        assert.deepEqual(mixed.content.map(block => block.type), ['text', 'image', 'resource']);
        assert.equal(mixed.content[1].mimeType, 'image/png');
        const [audio] = (await side.call('test_audio_content', {})).content;
        assert.deepEqual([audio.type, audio.mimeType], ['audio', 'audio/wav']);
    },

    async tool_error({ side }) {
        const result = await side.call('test_error_handling', {});
        assert.equal(result.isError, true);
        assert.equal(textOf(result), 'This tool intentionally returns an error for testing');
        const panicked = await side.call('panic', {});
        assert.equal(panicked.isError, true);
        assert.doesNotMatch(textOf(panicked), /panics whenever/);
    },

    async bad_arguments({ side }) {
        const result = await side.call('add', { a: 1, b: 'two' });
        assert.equal(result.isError, true);
        assert.match(textOf(result), /b/);
    },

    async unknown_tool({ side }) {
        assert.match((await refused(-32602, side.call('no_such_tool', {}))).message, /no_such_tool/);
    },

    async header({ side, recorder }) {
        // The SDK learns from the list which parameters are to be repeated in headers.
        await side.client.listTools();
        for (const [region, sent] of [['eu-west', 'eu-west'], ['Zürich', '=?base64?WsO8cmljaA==?=']]) {
            assert.equal(textOf(await side.call('test_custom_header', { region })), `The region is ${region}.`);
            assert.equal(recorder.posts('tools/call').at(-1).headers.get('mcp-param-region'), sent);
        }
    },

    async progress({ side }) {
        const seen = [];
        const onprogress = ({ progress, total, message }) => seen.push([progress, total, message]);
        let ended = false;
        const call = side.call('count', { n: 5, every_ms: 100 }, { onprogress }).finally(() => (ended = true));
        await until(() => seen.length > 0, 'progress');
        assert.equal(ended, false);
        assert.equal(textOf(await call), 'counted to 5');
        // The SDKs hand out notifications a moment after they have read them, and by then have forgotten who wanted
        // them if the answer was in the same piece. Over HTTP they read one event at a time.
        const expected = [1, 2, 3, 4, 5].map(number => [number, 5, `${number} of 5`]);
        assert.ok(seen.length === 5 || (side.over !== HTTP && seen.length === 4), `${seen}`);
        assert.deepEqual(seen, expected.slice(0, seen.length));
    },

    async log({ side, inbox }) {
        await side.call('test_tool_with_logging', {}, {}, { 'io.modelcontextprotocol/logLevel': 'info' });
        const logs = await inbox.expect('notifications/message', 3);
        assert.deepEqual(logs.map(log => log.params.level), ['info', 'info', 'info']);
        const expected = ['Tool execution started', 'Tool processing data', 'Tool execution completed'];
        assert.deepEqual(logs.map(log => log.params.data), expected);
    },

    async cancel({ side }) {
        const sleepers = async () => (await side.call('sleepers', {})).structuredContent.now;
        const controller = new AbortController();
        const call = side.call('sleep', { ms: 60_000 }, { signal: controller.signal });
        const refusal = assert.rejects(call);
        await until(async () => (await sleepers()) === 1, 'the call');
        controller.abort();
        await refusal;
        await until(async () => (await sleepers()) === 0, 'the end of the call');
    },

    async list_resources({ side }) {
        const { resources } = await side.client.listResources();
        const expected = ['test://static-text', 'test://static-binary', WATCHED];
        assert.deepEqual(resources.map(resource => resource.uri), expected);
        assert.equal(resources[0].mimeType, 'text/plain');
    },

    async list_templates({ side }) {
        const { resourceTemplates } = await side.client.listResourceTemplates();
        assert.deepEqual(resourceTemplates.map(each => each.uriTemplate), ['test://template/{id}/data']);
    },

    async read({ side }) {
        const read = async uri => (await side.client.readResource({ uri })).contents;
        const [text] = await read('test://static-text');
        assert.equal(text.text, 'This is the content of the static text resource.');
        assert.deepEqual([text.uri, text.mimeType], ['test://static-text', 'text/plain']);
        const [blob] = await read('test://static-binary');
        assert.match(blob.blob, /^iVBOR/);
        const [made] = await read('test://template/123/data');
        assert.equal(made.uri, 'test://template/123/data');
        assert.equal(JSON.parse(made.text).id, '123');
    },

    async unknown_resource({ side }) {
        const error = await refused(side.notFound, side.client.readResource({ uri: 'test://nothing-here' }));
        assert.equal(error.data.uri, 'test://nothing-here');
    },

    async subscribe({ side, inbox }) {
        const [updated, changed] = ['notifications/resources/updated', 'notifications/tools/list_changed'];
        await side.watching(WATCHED, async () => {
            const touched = textOf(await side.call('touch', {}));
            const [message] = await inbox.expect(updated);
            assert.equal(message.params.uri, WATCHED);
            const [contents] = (await side.client.readResource({ uri: WATCHED })).contents;
            assert.equal(contents.text, touched);
        });
        await side.call('touch', {});
        await side.watching(undefined, async () => {
            // What is told later must come later, so that a wrong message would be here by then.
            const before = inbox.of(changed).length;
            await side.call('test_trigger_tool_change', {});
            await inbox.expect(changed, before + 1);
        });
        assert.equal(inbox.of(updated).length, 1);
    },

    async list_changed({ side, inbox }) {
        await side.watching(undefined, async () => {
            for (const [tool, what] of [
                ['test_trigger_tool_change', 'tools'],
                ['test_trigger_prompt_change', 'prompts'],
                ['trigger_resource_change', 'resources']
            ]) {
                const method = `notifications/${what}/list_changed`;
                const before = inbox.of(method).length;
                await side.call(tool, {});
                await inbox.expect(method, before + 1);
            }
        });
    },

    async list_prompts({ side }) {
        const { prompts } = await side.client.listPrompts();
        const found = prompts.find(prompt => prompt.name === 'test_prompt_with_arguments');
        assert.deepEqual(found.arguments.map(each => [each.name, each.required]), [['arg1', true], ['arg2', true]]);
    },

    async get_prompt({ side }) {
        const get = async (name, args) => (await side.client.getPrompt({ name, arguments: args })).messages;
        const [message] = await get('test_prompt_with_arguments', { arg1: 'x', arg2: 'y' });
        assert.equal(message.role, 'user');
        assert.equal(message.content.text, "Prompt with arguments: arg1='x', arg2='y'");
        const types = (await get('test_prompt_with_image')).map(each => each.content.type);
        assert.deepEqual(types, ['image', 'text']);
        const [embedded] = await get('test_prompt_with_embedded_resource', { resourceUri: 'test://mine' });
        assert.equal(embedded.content.resource.uri, 'test://mine');
    },

    async complete({ side }) {
        const complete = async params => (await side.client.complete(params)).completion;
        const prompt = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
        const first = await complete({ ref: prompt, argument: { name: 'arg1', value: 'pa' } });
        assert.deepEqual(first.values, ['paris', 'park', 'party']);
        const context = { arguments: { arg1: 'park' } };
        const second = await complete({ ref: prompt, argument: { name: 'arg2', value: '' }, context });
        assert.deepEqual(second.values, ['park-too']);
        const ref = { type: 'ref/resource', uri: 'test://template/{id}/data' };
        const ids = await complete({ ref, argument: { name: 'id', value: '' } });
        assert.deepEqual([ids.values.length, ids.total, ids.hasMore], [100, 250, true]);
    },

    async pages({ side, paged, pagedRecorder }) {
        const names = tools => tools.map(tool => tool.name);
        const { tools } = await side.client.listTools();
        assert.deepEqual(names(await paged.allTools()), names(tools));
        assert.ok(pagedRecorder.posts('tools/list').length > 2);
        await refused(-32602, paged.client.listTools({ cursor: 'no-such-cursor' }));
    },

    async cache({ side, recorder }) {
        // Both stay fresh for a minute.
        for (const [method, ask] of [
            ['resources/read', () => side.client.readResource({ uri: 'test://static-text' })],
            ['prompts/list', () => side.client.listPrompts()]
        ]) {
            await ask();
            const before = recorder.posts(method).length;
            await ask();
            assert.equal(recorder.posts(method).length, before, method);
        }
    }
};

/** The session was ended by its client, and is unknown from then on; or the process ended when its input did. */
async function end({ side, recorder, server }) {
    if (side.over === STDIO) {
        await side.client.close();
        assert.equal(server.code(), 0);
        return;
    }
    if (side.over === HTTP_SSE) {
        // Here a session is as long as its stream.
        const { url } = recorder.of('POST').at(-1);
        await side.client.close();
        await until(() => unknown(url, {}), 'the end of the session');
        return;
    }
    await side.end();
    const [gone] = recorder.of('DELETE');
    assert.ok([200, 204].includes(gone.status), `${gone.status}`);
    const headers = {
        'mcp-session-id': gone.headers.get('mcp-session-id'),
        'mcp-protocol-version': REVISION[SESSION],
        accept: 'application/json, text/event-stream'
    };
    assert.ok(await unknown(server, headers));
}

/** Whether a request in the session is told that there is none. */
async function unknown(url, headers) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const type = { 'content-type': 'application/json' };
    return (await fetch(url, { method: 'POST', headers: { ...headers, ...type }, body })).status === 404;
}

/** One of these for each way: a server, one with short pages, and, over HTTP, the way to the first that is cut. */
function servers(over) {
    const [url, pagedUrl, cutUrl, binary] = process.argv.slice(2);
    if (over === STDIO) return [new Launch(binary), new Launch(binary, { PAGE_SIZE: '5' })];
    return (over === HTTP_SSE ? [url, pagedUrl] : [url, pagedUrl, cutUrl]).map(each => new URL(each));
}

/**
 * `connect(server, recorder, inbox, answers)` gives a side, which can be asked nothing without `answers`; `cannot` says
 * of features why the client lacks them.
 */
export async function run({ client, version, era, over = HTTP, connect, cannot = {} }) {
    const [server, pagedServer, cutServer] = servers(over);
    const record = () => (over === STDIO ? new Tap() : new Recorder());
    const [recorder, pagedRecorder, cutRecorder] = [record(), record(), record()];
    const [inbox, cutInbox, answers, cutAnswers] = [new Inbox(), new Inbox(), new Answers(), new Answers()];
    const side = await within(FEATURE_WITHIN, connect(server, recorder, inbox, answers));
    const paged = await within(FEATURE_WITHIN, connect(pagedServer, pagedRecorder, new Inbox()));
    const cut = cutServer && (await within(FEATURE_WITHIN, connect(cutServer, cutRecorder, cutInbox, cutAnswers)));
    const first = { server, side, recorder, inbox, answers };
    const all = { ...first, paged, pagedRecorder, cut, cutRecorder, cutInbox, cutAnswers };
    const lacking = { ...cannot, ...lackingOver(era, over) };
    for (const [feature, check] of Object.entries({ ...features, ...asking, ...resuming, end })) {
        let ok = true;
        let note = '';
        if (feature in lacking) {
            [ok, note] = [null, lacking[feature]];
        } else {
            try {
                await within(FEATURE_WITHIN, check(all));
            } catch (error) {
                console.error(feature, error);
                [ok, note] = [false, `${error}`];
            }
        }
        console.log(JSON.stringify({ client, version, way: way(era, over), feature, ok, note }));
    }
    for (const each of [side, paged, cut]) await each?.client.close();
}
