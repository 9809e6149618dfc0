// What a client talks to a server over, beside the HTTP of today; see ../over.py.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const HTTP = 'HTTP';
export const HTTP_SSE = 'HTTP+SSE';
export const STDIO = 'stdio';

/** The name of a column. */
export const way = (era, over) => (over === HTTP ? era : `${era} over ${over}`);

/** A server that its client launches, and how it ended. */
export class Launch {
    folder = mkdtempSync(join(tmpdir(), 'interop-'));

    constructor(binary, environment = {}) {
        this.server = {
            command: '/bin/sh',
            args: ['-c', '"$0" --stdio; echo $? > "$1"', binary, join(this.folder, 'exit')],
            // One of the tools panics: where, is not the question.
            env: { ...process.env, RUST_BACKTRACE: '0', ...environment }
        };
    }

    /** What it exited with, once the connection is closed. */
    code() {
        const code = Number(readFileSync(join(this.folder, 'exit'), 'utf8'));
        rmSync(this.folder, { recursive: true });
        return code;
    }
}

/** Notes what a client sends, where there is no HTTP below the SDK that could be recorded. */
export class Tap {
    sent = [];

    on(transport) {
        const send = transport.send.bind(transport);
        transport.send = (message, ...options) => {
            this.sent.push({ message });
            return send(message, ...options);
        };
        return transport;
    }

    posts(rpc) {
        return this.sent.filter(({ message }) => message.method === rpc);
    }

    of(_method) {
        return [];
    }
}
