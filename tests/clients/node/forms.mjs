// Node programs' logs of an error.

import { Console } from "node:console";
import readline from "node:readline";
import { Writable } from "node:stream";
import util from "node:util";

import bunyan from "bunyan";
import pino from "pino";
import winston from "winston";

function collected(log) {
  let text = "";
  const stream = new Writable({ write(chunk, _encoding, done) { text += chunk; done(); } });
  log(stream);
  return text;
}

const onConsole = (...values) => collected((stream) => new Console(stream, stream).error(...values));

function inWinston(format, log) {
  return collected((stream) => log(winston.createLogger({ format, transports: [new winston.transports.Stream({ stream })] })));
}

function json(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return "";
  }
}

export function forms(error, operation) {
  const { combine, timestamp, errors, json: asJson, simple, printf } = winston.format;
  const lambda = `${new Date().toISOString()}\t9f2c7a3e-6a58-4a0f-9d0c-2f6f7b1f4f10\tERROR\t`;
  return {
    message: error.message,
    string: String(error),
    stack: error.stack,
    inspect: util.inspect(error),
    json: json(error),
    console: onConsole(`${operation} failed:`, error),
    "console-colours": util.inspect(error, { colors: true }),
    "console-message": onConsole("Error refreshing token:", error.message),
    "json-field": json({ level: "error", msg: "sign-in failed", error: { name: error.name, message: error.message, stack: error.stack } }),
    lambda: lambda + util.format("Sign-in failed", error).replaceAll("\n", "\r"),
    "lambda-json": json({ timestamp: new Date().toISOString(), level: "ERROR", requestId: "9f2c7a3e-6a58-4a0f-9d0c-2f6f7b1f4f10",
      message: { errorType: error.name, errorMessage: error.message, stackTrace: (error.stack ?? "").split("\n") } }),
    pino: collected((stream) => pino({}, stream).error(error, "sign-in failed")),
    "winston-json": inWinston(combine(timestamp(), errors({ stack: true }), asJson()), (to) => to.error(error)),
    "winston-simple": inWinston(combine(errors({ stack: true }), simple()), (to) => to.error("sign-in failed", error)),
    "winston-line": inWinston(combine(timestamp(), printf((entry) => `${entry.timestamp} [${entry.level}] ${entry.message}`)),
      (to) => to.error(`sign-in failed: ${error}`)),
    bunyan: collected((stream) => bunyan.createLogger({ name: "acme-signin", stream }).error(error, "sign-in failed")),
  };
}

// One job a line, and one result a line.
export async function serve(call) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    let wire = "";
    const log = (...values) => { if (job.debug) wire += onConsole(...values); };
    let answer;
    try {
      answer = { skip: await call(job, { trace() {}, debug: log, info: log, warn: log, error: log }) };
    } catch (error) {
      answer = { forms: forms(error, job.operation), events: { debug: wire } };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}
