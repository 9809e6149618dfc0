// What a client does when a connection ends before its time: the features of ../resuming.py for the TypeScript clients.

import assert from 'node:assert/strict';

import { Inbox, REVISION, SESSION, textOf } from './common.mjs';

const CHANGED = 'notifications/tools/list_changed';
const LOG = 'notifications/message';

const comebacks = recorder => recorder.of('GET').filter(get => get.headers.has('last-event-id'));

/** `cut` is a side whose connections are cut on the way, see ../cutter.py. */
export const resuming = {
    async resume({ cut, cutRecorder }) {
        const before = comebacks(cutRecorder).length;
        const seen = [];
        const onprogress = ({ progress, message }) => seen.push([progress, message]);
        assert.equal(textOf(await cut.call('count', { n: 6, every_ms: 50 }, { onprogress })), 'counted to 6');
        assert.deepEqual(seen, [1, 2, 3, 4, 5, 6].map(number => [number, `${number} of 6`]));
        const again = comebacks(cutRecorder).slice(before);
        assert.deepEqual(again.map(get => get.status), [200]);
        assert.equal(cutRecorder.posts('tools/call').filter(post => post.message.params.name === 'count').length, 1);
    },

    async polling({ side, recorder }) {
        const before = comebacks(recorder).length;
        assert.equal(textOf(await side.call('test_reconnection', {})), 'The client came back for this.');
        const again = comebacks(recorder).slice(before);
        assert.deepEqual(again.map(get => get.status), [200]);
    },

    async away({ cut, cutRecorder, cutInbox }) {
        await cutRecorder.streamOpened();
        const [told, opened] = [cutInbox.of(CHANGED).length, cutRecorder.of('GET').length];
        await cut.call('echo', { message: 'cut the stream' });
        await cut.call('test_trigger_tool_change', {});
        await cutInbox.expect(CHANGED, told + 1);
        const again = cutRecorder.of('GET').slice(opened);
        assert.deepEqual(again.map(get => get.headers.has('last-event-id')), [true]);
        assert.equal(cutInbox.of(CHANGED).length, told + 1);
    },

    /** As a client that was started anew, and has kept the session's id and the last event's. */
    async by_token({ side, recorder }) {
        const sessionId = recorder.posts('tools/call')[0].headers.get('mcp-session-id');
        const inbox = new Inbox();
        let token;
        const first = await side.attached(sessionId, REVISION[SESSION], inbox);
        const onresumptiontoken = id => (token = id);
        const refusal = assert.rejects(first.call('test_tool_with_logging', {}, { onresumptiontoken }));
        await inbox.expect(LOG);
        await first.client.close();
        await refusal;
        assert.ok(inbox.of(LOG).length < 3);
        const second = await side.attached(sessionId, REVISION[SESSION], inbox);
        const result = await second.call('test_tool_with_logging', {}, { resumptionToken: token });
        assert.equal(textOf(result), 'Three messages were logged.');
        const logs = inbox.of(LOG).map(log => log.params.data);
        assert.deepEqual(logs, ['Tool execution started', 'Tool processing data', 'Tool execution completed']);
        await second.client.close();
    }
};
