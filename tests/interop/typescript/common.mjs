// What the TypeScript clients share: what is seen of the wire, what comes to a client, and how it is waited for.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

export const SESSION = 'session';
export const STATELESS = 'stateless';
export const REVISION = { [SESSION]: '2025-11-25', [STATELESS]: '2026-07-28' };
const TOLD_WITHIN = 5_000;

/** Notes every HTTP request below the SDK, which is given `fetch`. */
export class Recorder {
    exchanges = [];

    fetch = async (url, init = {}) => {
        const exchange = {
            method: init.method ?? 'GET',
            url,
            headers: new Headers(init.headers),
            message: typeof init.body === 'string' ? JSON.parse(init.body) : {},
            status: undefined
        };
        this.exchanges.push(exchange);
        const response = await fetch(url, init);
        exchange.status = response.status;
        return response;
    };

    posts(rpc) {
        return this.exchanges.filter(e => e.method === 'POST' && e.message.method === rpc);
    }

    of(method) {
        return this.exchanges.filter(e => e.method === method);
    }

    /** The GET stream is there: what the server tells from now on arrives. */
    async streamOpened() {
        await until(() => this.of('GET').some(get => get.status === 200), 'the GET stream');
    }
}

/** The notifications that came to a client, in their order. */
export class Inbox {
    messages = [];

    put = async message => {
        this.messages.push(message);
    };

    of(method) {
        return this.messages.filter(message => message.method === method);
    }

    /** Waits until `count` of them have come. */
    async expect(method, count = 1) {
        await until(() => this.of(method).length >= count, () => `${method} among ${JSON.stringify(this.messages)}`);
        return this.of(method);
    }
}

export async function until(ready, what) {
    const deadline = performance.now() + TOLD_WITHIN;
    while (!(await ready())) {
        if (performance.now() > deadline) {
            throw new Error(`did not come: ${typeof what === 'function' ? what() : what}`);
        }
        await sleep(10);
    }
}

export async function refused(code, promise) {
    try {
        await promise;
    } catch (error) {
        assert.equal(error.code, code, `${error}`);
        return error;
    }
    throw new Error(`was answered, not refused with ${code}`);
}

export const textOf = result => result.content.map(block => block.text ?? '').join('\n');

export async function within(ms, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`took longer than ${ms} ms`)), ms);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}
