// What a client can be asked by the `everything` server: the features of ../asking.py for the TypeScript clients.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { refused, STATELESS, textOf, until } from './common.mjs';

export const [ELICIT, SAMPLE, ROOTS] = ['elicitation/create', 'sampling/createMessage', 'roots/list'];
const COMPLETE = 'notifications/elicitation/complete';
const WORKSPACE = { uri: 'file:///workspace', name: 'Workspace' };

/** What a client that can be asked offers. */
export const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {} };

/** What the client's handlers answer, and what they were asked. An SDK's handlers only pass on to `answer`. */
export class Answers {
    asked = [];
    giving = {};

    /** From now on: by the method that asks, the result, or what makes it of the question. */
    give(giving) {
        this.asked = [];
        this.giving = giving;
    }

    answer = async (method, params, signal) => {
        this.asked.push([method, params]);
        const giving = this.giving[method];
        return typeof giving === 'function' ? await giving(params, signal) : giving;
    };
}

export const accept = content => ({ action: 'accept', content });
const blocks = ({ content }) => (Array.isArray(content) ? content : [content]);
const say = text => ({ role: 'assistant', content: { type: 'text', text }, model: 'none', stopReason: 'endTurn' });

/** What came of `ask()`; it must have asked `questions`, by method, in so many rounds. */
async function asked({ side, recorder, answers }, ask, giving, questions, { rounds = 1, rpc = 'tools/call' } = {}) {
    const before = recorder.posts(rpc).length;
    answers.give(giving);
    const result = await ask();
    assert.deepEqual(answers.asked.map(([method]) => method).sort(), [...questions].sort());
    const posts = recorder.posts(rpc).slice(before).map(post => post.message.params);
    // In a session the questions come while the one request runs; in 2026-07-28 each round is a request of its own,
    // which brings the answers of the one before.
    assert.equal(posts.length, side.era === STATELESS ? rounds + 1 : 1);
    assert.ok(!('inputResponses' in posts[0]), 'answers before there are questions');
    const given = posts.slice(1).flatMap(params => Object.keys(params.inputResponses));
    assert.equal(given.length, side.era === STATELESS ? questions.length : 0);
    return result;
}

async function told(all, tool, args, giving, questions, options) {
    const result = await asked(all, () => all.side.call(tool, args), giving, questions, options);
    assert.ok(!result.isError, textOf(result));
    return textOf(result);
}

const contentOf = text => JSON.parse(text.split(', content=')[1]);

export const asking = {
    async elicit(all) {
        const account = { username: 'Zoë', email: 'zoe@example.com' };
        for (const [answer, content] of [
            [accept(account), account],
            [{ action: 'decline' }, {}],
            [{ action: 'cancel' }, {}]
        ]) {
            const asks = { message: 'Who are you?' };
            const text = await told(all, 'test_elicitation', asks, { [ELICIT]: answer }, [ELICIT]);
            assert.ok(text.startsWith(`User response: action=${answer.action}, `), text);
            assert.deepEqual(contentOf(text), content);
            const [[, params]] = all.answers.asked;
            assert.equal(params.message, 'Who are you?');
            assert.deepEqual([...params.requestedSchema.required].sort(), ['email', 'username']);
        }
    },

    async forms(all) {
        const profile = { name: 'Ada', age: 36, score: 1.5, status: 'inactive', verified: false };
        const giving = { [ELICIT]: accept(profile) };
        const text = await told(all, 'test_elicitation_sep1034_defaults', {}, giving, [ELICIT]);
        assert.deepEqual(contentOf(text), profile);
        const fields = Object.entries(all.answers.asked[0][1].requestedSchema.properties);
        const defaults = Object.fromEntries(fields.map(([name, field]) => [name, field.default]));
        const expected = { name: 'John Doe', age: 30, score: 95.5, status: 'active', verified: true };
        assert.deepEqual(defaults, expected);
        const choices = {
            untitledSingle: 'option2',
            titledSingle: 'value3',
            legacyEnum: 'opt1',
            untitledMulti: ['option1', 'option3'],
            titledMulti: ['value2']
        };
        const tool = 'test_elicitation_sep1330_enums';
        assert.deepEqual(contentOf(await told(all, tool, {}, { [ELICIT]: accept(choices) }, [ELICIT])), choices);
        const names = Object.keys(all.answers.asked[0][1].requestedSchema.properties);
        assert.deepEqual(names.sort(), Object.keys(choices).sort());
    },

    async elicit_url(all) {
        for (const [action, text] of [
            ['accept', 'The user went there.'],
            ['decline', 'The user did not want to.'],
            ['cancel', 'The user did not say.']
        ]) {
            const before = all.inbox.of(COMPLETE).length;
            assert.equal(await told(all, 'visit', {}, { [ELICIT]: { action } }, [ELICIT]), text);
            const [[, params]] = all.answers.asked;
            assert.deepEqual([params.mode, params.url], ['url', 'https://example.com/welcome']);
            // What the user did not go to comes to no end.
            if (all.side.era !== STATELESS && action === 'accept') {
                const seen = await all.inbox.expect(COMPLETE, before + 1);
                assert.equal(seen.at(-1).params.elicitationId, params.elicitationId);
            }
        }
    },

    async sample(all) {
        const asks = { prompt: 'What is 6 times 7?' };
        const text = await told(all, 'test_sampling', asks, { [SAMPLE]: say('42') }, [SAMPLE]);
        assert.equal(text, 'LLM response: 42');
        const [[, { maxTokens, messages }]] = all.answers.asked;
        assert.equal(maxTokens, 100);
        assert.deepEqual(messages.map(each => [each.role, each.content.text]), [['user', 'What is 6 times 7?']]);
    },

    async sample_tools(all) {
        const weather = { type: 'tool_use', id: '1', name: 'weather', input: { city: 'Oslo' } };
        const model = ({ messages }) => {
            const [result] = blocks(messages.at(-1)).filter(block => block.type === 'tool_result');
            if (result) return say(`${result.content[0].text} So it will.`);
            return { ...say(''), content: [weather], stopReason: 'toolUse' };
        };
        const asks = [SAMPLE, SAMPLE];
        const text = await told(all, 'forecast', { city: 'Oslo' }, { [SAMPLE]: model }, asks, { rounds: 2 });
        assert.equal(text, 'It rains in Oslo. So it will.');
        const [first, second] = all.answers.asked.map(([, params]) => params);
        assert.deepEqual([first, second].map(({ tools }) => tools.map(tool => tool.name)), [['weather'], ['weather']]);
        assert.deepEqual(second.messages.map(message => message.role), ['user', 'assistant', 'user']);
        const [[used], [result]] = second.messages.slice(1).map(blocks);
        assert.deepEqual([used.type, used.input, result.toolUseId], ['tool_use', { city: 'Oslo' }, '1']);
    },

    async roots(all) {
        const giving = { [ROOTS]: { roots: [WORKSPACE, { uri: 'file:///tmp' }] } };
        const text = await told(all, 'test_input_required_result_list_roots', {}, giving, [ROOTS]);
        assert.equal(text, 'The client works in file:///workspace, file:///tmp.');
    },

    async joined(all) {
        const giving = {
            [ELICIT]: accept({ name: 'Ada' }),
            [SAMPLE]: say('Good day'),
            [ROOTS]: { roots: [WORKSPACE] }
        };
        const tool = 'test_input_required_result_multiple_inputs';
        const text = await told(all, tool, {}, giving, [ELICIT, SAMPLE, ROOTS]);
        assert.equal(text, 'Good day Ada! You have 1 roots.');
    },

    async rounds(all) {
        const names = { 'Who is person 1?': 'Ada', 'Who is person 2?': 'Grace' };
        const giving = { [ELICIT]: ({ message }) => accept({ name: names[message] }) };
        const text = await told(all, 'survey', { people: 2 }, giving, [ELICIT, ELICIT], { rounds: 2 });
        assert.equal(text, 'Ada, Grace');
    },

    async prompt_asks(all) {
        const ask = () => all.side.client.getPrompt({ name: 'test_input_required_result_prompt' });
        const giving = { [ELICIT]: accept({ context: 'a test' }) };
        const { messages } = await asked(all, ask, giving, [ELICIT], { rpc: 'prompts/get' });
        assert.deepEqual(messages.map(each => each.content.text), ['Prompt with context: a test']);
    },

    async withdrawn({ side, answers }) {
        let over = false;
        answers.give({
            [ELICIT]: async (_params, signal) => {
                await sleep(60_000, undefined, { signal }).catch(() => (over = true));
                return { action: 'cancel' };
            }
        });
        const controller = new AbortController();
        const options = { signal: controller.signal };
        const refusal = assert.rejects(side.call('test_elicitation', { message: 'Are you there?' }, options));
        await until(() => answers.asked.length > 0, 'the question');
        controller.abort();
        await refusal;
        await until(() => over, 'the end of the question');
    },

    async unasked({ side, paged }) {
        // This connection offers nothing that could be asked.
        for (const [tool, args, capability] of [
            ['test_elicitation', { message: 'Who are you?' }, 'elicitation'],
            ['test_sampling', { prompt: 'Who are you?' }, 'sampling'],
            ['test_input_required_result_list_roots', {}, 'roots']
        ]) {
            if (side.era === STATELESS) {
                const error = await refused(-32021, paged.call(tool, args));
                assert.deepEqual(error.data.requiredCapabilities, { [capability]: {} });
                continue;
            }
            const result = await paged.call(tool, args);
            assert.equal(result.isError, true);
            assert.ok(textOf(result).includes(`\`${capability}\``), textOf(result));
        }
    }
};
