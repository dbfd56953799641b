// Node without the SDK v3: `bare.mjs fetch`, and so on; and with the SDK v2.

import AWS from "aws-sdk";
import axios from "axios";
import got from "got";
import { HttpsProxyAgent } from "https-proxy-agent";
import * as undici from "undici";

import { serve } from "./forms.mjs";

AWS.config.maxRetries = 2;

const url = (job) => job.url ?? `https://oidc.${job.region}.amazonaws.com${job.path}`;

const clients = {
  async sdk2(job, logger) {
    const oidc = new AWS[job.service ?? "SSOOIDC"]({
      region: job.region,
      logger: job.debug ? { log: logger.info } : null,
      retryDelayOptions: { base: 5 },
      httpOptions: { connectTimeout: job.timeout * 1000, timeout: job.timeout * 1000,
        ...(job.proxy ? { agent: new HttpsProxyAgent(job.proxy) } : {}) },
    });
    const operation = job.operation[0].toLowerCase() + job.operation.slice(1);
    if (!oidc[operation]) return "not in this version";
    await oidc[operation](job.input).promise();
  },

  async fetch(job) {
    if (job.proxy) return "has no proxy";
    const response = await fetch(url(job), {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(job.input),
      signal: AbortSignal.timeout(job.timeout * 1000),
    });
    if (!response.ok) {
      throw new Error(`POST ${response.url} failed: ${response.status} ${response.statusText} ${await response.text()}`);
    }
  },

  async undici(job) {
    const patience = { headersTimeout: job.timeout * 1000, connect: { timeout: job.timeout * 1000 } };
    const dispatcher = job.proxy ? new undici.ProxyAgent({ uri: job.proxy, ...patience }) : new undici.Agent(patience);
    await undici.request(url(job), {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(job.input),
      dispatcher: dispatcher.compose(undici.interceptors.responseError()),
    });
  },

  async axios(job) {
    await axios.post(url(job), job.input, {
      timeout: job.timeout * 1000,
      ...(job.proxy ? { proxy: false, httpsAgent: new HttpsProxyAgent(job.proxy) } : {}),
    });
  },

  async got(job) {
    await got.post(url(job), {
      json: job.input, timeout: { request: job.timeout * 1000 }, retry: { limit: 0 },
      ...(job.proxy ? { agent: { https: new HttpsProxyAgent(job.proxy) } } : {}),
    });
  },
};

await serve(clients[process.argv[2]]);
