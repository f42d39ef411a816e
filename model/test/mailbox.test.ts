import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMailbox, createWakeup } from "@patchbay/model";
import fc from "fast-check";

async function readAll<Message>(messages: AsyncIterable<Message>): Promise<readonly Message[]> {
  const read: Message[] = [];
  for await (const message of messages) read.push(message);
  return read;
}

const byLetter = { kindOf: ([kind = ""]: string) => kind };

describe("a mailbox", () => {
  it("holds of each kind the latest message", async () => {
    const mailbox = createMailbox(byLetter);
    for (const message of ["a1", "b1", "a2", "b2", "a3"]) mailbox.put(message);
    mailbox.end();
    assert.deepEqual(await readAll(mailbox), ["a3", "b2"]);
  });

  it("holds one message when kinds are not told apart", async () => {
    const mailbox = createMailbox<number>();
    mailbox.put(1);
    mailbox.put(2);
    mailbox.end();
    assert.deepEqual(await readAll(mailbox), [2]);
  });

  it("gives kinds that go first before what came earlier", async () => {
    const mailbox = createMailbox({ ...byLetter, first: ["z", "y"] });
    for (const message of ["a1", "y1", "z1"]) mailbox.put(message);
    mailbox.end();
    assert.deepEqual(await readAll(mailbox), ["z1", "y1", "a1"]);
  });

  it("wakes a reader that waits", async () => {
    const mailbox = createMailbox<string>();
    const read = readAll(mailbox);
    for (const message of ["one", "two"]) {
      mailbox.put(message);
      await new Promise(setImmediate);
    }
    mailbox.end();
    assert.deepEqual(await read, ["one", "two"]);
  });

  it("ends with the error that came first, after what it holds", async () => {
    const mailbox = createMailbox<string>();
    const read: string[] = [];
    mailbox.put("last");
    mailbox.end(new Error("first"));
    mailbox.end(new Error("second"));
    assert.equal(mailbox.ended(), true);
    const reading = (async () => {
      for await (const message of mailbox) read.push(message);
    })();
    await assert.rejects(reading, /^Error: first$/);
    assert.deepEqual(read, ["last"]);
  });

  it("takes back what could not be used, but not over a newer message", async () => {
    const mailbox = createMailbox(byLetter);
    mailbox.put("b2");
    mailbox.putBack("a1");
    mailbox.putBack("b1");
    mailbox.end();
    assert.deepEqual(await readAll(mailbox), ["b2", "a1"]);
  });

  it("loses the last message of no kind, whenever its reader comes", async () => {
    const step = fc.oneof(fc.constantFrom("a", "b", "c"), fc.constant(undefined));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const mailbox = createMailbox(byLetter);
        const last = new Map<string, string>();
        const reading = readAll(mailbox);
        for (const [index, kind] of steps.entries()) {
          if (kind === undefined) await new Promise(setImmediate);
          else last.set(kind, `${kind}${index}`);
          if (kind !== undefined) mailbox.put(`${kind}${index}`);
        }
        mailbox.end();
        const read = new Map((await reading).map((message) => [message.charAt(0), message]));
        assert.deepEqual(read, last);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a wake-up", () => {
  it("wakes all that wait, once", async () => {
    const wakeup = createWakeup();
    let woken = 0;
    const sleep = () => wakeup.wait().then(() => (woken += 1));
    const both = [sleep(), sleep()];
    wakeup.wake();
    await Promise.all(both);
    const third = sleep();
    await new Promise(setImmediate);
    assert.equal(woken, 2);
    wakeup.wake();
    await third;
  });
});
