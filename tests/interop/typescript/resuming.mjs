// What a client does when a connection ends before its time: the features of ../resuming.py for the TypeScript clients.

import assert from 'node:assert/strict';

import { accept, ELICIT } from './asking.mjs';
import { Inbox, refused, REVISION, SESSION, textOf, until } from './common.mjs';

const CHANGED = 'notifications/tools/list_changed';
const LOG = 'notifications/message';

const comebacks = recorder => recorder.of('GET').filter(get => get.headers.has('last-event-id'));

/** `cut` is a side whose connections are cut on the way, see ../cutter.py. */
export const resuming = {
    async resume({ cut, cutRecorder }) {
        const before = comebacks(cutRecorder).length;
        const seen = [];
        const onprogress = ({ progress, message }) => seen.push([progress, message]);
        await cut.call('echo', { message: 'cut the count' });
        assert.equal(textOf(await cut.call('count', { n: 6, every_ms: 50 }, { onprogress })), 'counted to 6');
        assert.deepEqual(seen, [1, 2, 3, 4, 5, 6].map(number => [number, `${number} of 6`]));
        const again = comebacks(cutRecorder).slice(before);
        assert.deepEqual(again.map(get => get.status), [200]);
        assert.equal(cutRecorder.posts('tools/call').filter(post => post.message.params.name === 'count').length, 1);
    },

    /** Where nothing is resumed, a call whose connection has ended is lost, and may be made again. */
    async again({ cut, cutRecorder }) {
        const before = cutRecorder.posts('tools/call').length;
        const [count, seen] = [{ n: 6, every_ms: 50 }, []];
        const onprogress = ({ progress }) => seen.push(progress);
        await cut.call('echo', { message: 'cut the count' });
        // The SDK does not tell who waits that nothing comes any more, so that only a timeout does.
        await refused('REQUEST_TIMEOUT', cut.call('count', count, { onprogress, timeout: 3_000 }));
        assert.equal(textOf(await cut.call('count', count, { onprogress })), 'counted to 6');
        assert.deepEqual(seen, [1, 2, 1, 2, 3, 4, 5, 6]);
        assert.equal(cutRecorder.posts('tools/call').length, before + 3);
        assert.deepEqual(cutRecorder.of('GET'), []);
    },

    async asked({ cut, cutRecorder, cutAnswers }) {
        for (const when of ['in', 'after']) {
            const [before, message] = [comebacks(cutRecorder).length, `cut ${when} the question`];
            const back = () => comebacks(cutRecorder).slice(before).map(get => get.status).join() === '200';
            cutAnswers.give({
                [ELICIT]: async () => {
                    // Not before: the call must go on where the client is not to be found for a while.
                    await until(back, "the client's comeback");
                    return accept({ username: 'Ada', email: 'ada@example.com' });
                }
            });
            const text = textOf(await cut.call('test_elicitation', { message }));
            assert.ok(text.startsWith('User response: action=accept'), text);
            assert.deepEqual(cutAnswers.asked.map(([method, params]) => [method, params.message]), [[ELICIT, message]]);
            assert.ok(back());
        }
    },

    async polling({ side, recorder }) {
        const ids = new Set();
        const onresumptiontoken = id => ids.add(id);
        const text = textOf(await side.call('test_reconnection', {}, { onresumptiontoken }));
        assert.equal(text, 'The client came back for this.');
        // Not every one of them: SDK 1.x comes back for a call that it has cancelled, too.
        const again = comebacks(recorder).filter(get => ids.has(get.headers.get('last-event-id')));
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
        const refusal = assert.rejects(first.call('await_touch', {}, { onresumptiontoken }));
        await inbox.expect(LOG);
        await first.client.close();
        await refusal;
        // It runs on, and says the rest while nobody is there.
        await side.call('touch', {});
        const second = await side.attached(sessionId, REVISION[SESSION], inbox);
        const result = await second.call('await_touch', {}, { resumptionToken: token });
        assert.equal(textOf(result), 'It was touched.');
        assert.deepEqual(inbox.of(LOG).map(log => log.params.data), ['waiting', 'touched']);
        await second.client.close();
    }
};
