// The jobs API as the page uses it. Everything that can go wrong is one of the two errors below.

import { askForKey, keyGiven, keyHeaders } from "./key.js";

/** The server answered, and not with what was asked for. */
export class ApiError extends Error {
  constructor(status, body, retryAfter) {
    super(body?.error?.message ?? "");
    this.status = status;
    this.code = body?.error?.code ?? "";
    this.retryAfter = Number(retryAfter) || 0;
  }

  /** Whether the same request may succeed a little later. */
  get passes() {
    return [409, 429, 502, 503, 504].includes(this.status);
  }
}

/** No answer came, or it broke off. */
export class ConnectionLost extends Error {}

/** Whether the server accepts these headers; rejects where it cannot be asked. */
export async function acceptsKey(headers) {
  const response = await fetch("/v1/models", { headers, cache: "no-store" });
  return response.status !== 401;
}

/** Resolves once the server answers, and accepts our key. */
export async function reachServer(signal) {
  await ask("/v1/models", { signal });
}

export async function getJob(id, signal) {
  return (await ask(`/v1/jobs/${encodeURIComponent(id)}`, { signal })).json();
}

/** Ends the job if it is under way; one that the server no longer knows is as good as deleted. */
export async function deleteJob(id) {
  try {
    await ask(`/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE", keepalive: true });
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

/** The result as text, in a format of the API. */
export async function getResult(id, format) {
  return (await ask(`/v1/jobs/${encodeURIComponent(id)}/result?format=${format}`)).text();
}

/** A transcript, as edited, laid out by the server in a format of its own. */
export async function layOut(transcript, format) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(`/v1/subtitles?format=${format}`, { method: "POST", headers, body: transcript })).text();
}

/** The job's events as they come: {name, data}, until the server says that it is done. */
export async function* jobEvents(id, signal) {
  const response = await ask(`/v1/jobs/${encodeURIComponent(id)}/events`, { signal });
  for await (const event of serverSentEvents(response.body, signal)) {
    if (event.data === "[DONE]") return;
    yield { name: event.name, data: JSON.parse(event.data) };
  }
  throw new ConnectionLost();
}

/** Of one upload, however often it is tried. */
export function idempotencyKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The job, one for each `key`. `onShare` is told the share of the file that is sent; XMLHttpRequest, for fetch cannot tell it.
 * Where it is given up after all of it was sent, there may be a job all the same: `onUnwanted` is told its id later.
 */
export async function upload(file, key, onShare, signal, onUnwanted) {
  for (;;) {
    const headers = keyHeaders();
    const answer = await send(file, { ...headers, "Idempotency-Key": key }, onShare, signal, onUnwanted);
    if (answer.status === 200 || answer.status === 202) return answer.body;
    if (answer.status !== 401) throw new ApiError(answer.status, answer.body, answer.retryAfter);
    await newKey(headers, signal);
  }
}

function send(file, headers, onShare, signal, onUnwanted) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name);
    form.append("response_format", "srt");
    request.open("POST", "/v1/jobs");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && onShare(event.loaded / event.total);
    let isSent = false;
    signal.addEventListener("abort", () => (isSent ? reject(signal.reason) : request.abort()));
    request.upload.onload = () => {
      isSent = true;
      onShare(1);
    };
    request.onload = () => {
      const body = parsed(request.responseText);
      if (signal.aborted && body?.id) onUnwanted(body.id);
      resolve({ status: request.status, body, retryAfter: request.getResponseHeader("Retry-After") });
    };
    request.onerror = () => reject(new ConnectionLost());
    request.onabort = () => reject(signal.reason);
    request.send(form);
  });
}

/** A response that is a success. Without a valid key it waits for one and asks again. */
async function ask(path, options = {}) {
  for (;;) {
    const headers = keyHeaders();
    const response = await answered(path, { cache: "no-store", ...options, headers: { ...options.headers, ...headers } });
    if (response.ok) return response;
    if (response.status !== 401) {
      throw new ApiError(response.status, parsed(await response.text()), response.headers.get("Retry-After"));
    }
    await newKey(headers, options.signal);
  }
}

async function answered(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ConnectionLost();
  }
}

/** Resolves once there is another key than the one in `refused`. */
async function newKey(refused, signal) {
  if (refused.Authorization !== keyHeaders().Authorization) return;
  const given = keyGiven();
  askForKey("Authorization" in refused);
  const left = new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  await Promise.race([given, left]);
}

async function* serverSentEvents(stream, signal) {
  let text = "";
  for await (const part of parts(stream, signal)) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
      const name = lines.find((line) => line.startsWith("event:"))?.slice(6).trim() ?? "message";
      if (data.length) yield { name, data: data.join("\n") };
    }
  }
}

async function* parts(stream, signal) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value.replaceAll("\r\n", "\n");
    }
  } catch (error) {
    throw signal.aborted ? error : new ConnectionLost();
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
