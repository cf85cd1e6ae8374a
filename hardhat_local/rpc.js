// JSON-RPC 2.0 over HTTP, single requests and batches, on 127.0.0.1 only.
import { createServer } from "node:http";
import { RpcError } from "./replayed.js";

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Serves `chain` on `port` (0 takes a free one); resolves with the server once it listens. */
export function serve(chain, port) {
  const server = createServer((request, response) => {
    handle(chain, request)
      .then(({ status, body }) => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      })
      .catch((error) => response.destroy(error)); // the client went away in the middle of its request
  });
  return new Promise((done, fail) => server.once("error", fail).listen(port, "127.0.0.1", () => done(server)));
}

async function handle(chain, request) {
  if (request.method !== "POST") return { status: 405, body: failure(null, -32600, "POST a JSON-RPC request") };
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return { status: 413, body: failure(null, -32600, "the request is too long") };
    chunks.push(chunk);
  }
  let call;
  try {
    call = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return { status: 400, body: failure(null, -32700, "the request is not JSON") };
  }
  if (!Array.isArray(call)) return { status: 200, body: await answer(chain, call) };
  return { status: 200, body: await Promise.all(call.map((one) => answer(chain, one))) };
}

async function answer(chain, call) {
  if (typeof call?.method !== "string" || !Array.isArray(call.params ?? [])) {
    return failure(call?.id ?? null, -32600, "not a JSON-RPC request with a method and a list of parameters");
  }
  try {
    return { jsonrpc: "2.0", id: call.id ?? null, result: await chain.request(call.method, call.params ?? []) };
  } catch (error) {
    if (!(error instanceof RpcError)) console.error(error);
    return failure(call.id ?? null, error.code ?? -32603, error.message, error.data);
  }
}

function failure(id, code, message, data) {
  return { jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } };
}
