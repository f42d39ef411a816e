/**
 * Shows one step at a time: a line redrawn with the seconds gone by on a terminal, plain lines elsewhere.
 * A step that ends within `quietMs` shows nothing at all, so that a warm start stays silent.
 */
export function createProgress({ stream = process.stderr, quietMs = 400, plainEveryMs = 5000 } = {}) {
  return {
    /** Runs `work(update)` under a label; `update(text)` replaces the detail behind it. Failures pass through. */
    async step(label, work) {
      const line = createLine({ stream, label, quietMs, plainEveryMs });
      try {
        const result = await work(line.update);
        line.end("done");
        return result;
      } catch (error) {
        line.end("failed");
        throw error;
      }
    },
  };
}

function createLine({ stream, label, quietMs, plainEveryMs }) {
  const started = performance.now();
  let detail = "";
  let shown = false;
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1);
  const draw = () => {
    shown = true;
    const text = `${label} … ${seconds()} s${detail && `  ${detail}`}`;
    if (stream.isTTY) stream.write(`\r\x1b[2K${text.slice(0, (stream.columns ?? 80) - 1)}`);
    else stream.write(`${text}\n`);
  };
  let timer = setTimeout(() => {
    draw();
    timer = setInterval(draw, stream.isTTY ? 200 : plainEveryMs);
  }, quietMs);
  return {
    update: (text) => {
      detail = text;
    },
    end: (word) => {
      clearTimeout(timer);
      clearInterval(timer);
      if (shown) stream.write(`${stream.isTTY ? "\r\x1b[2K" : ""}${label}: ${word} (${seconds()} s)\n`);
    },
  };
}
