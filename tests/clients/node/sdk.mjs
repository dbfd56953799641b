// AWS SDK for JavaScript v3.

import * as oidc from "@aws-sdk/client-sso-oidc";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { HttpsProxyAgent } from "https-proxy-agent";

import { serve } from "./forms.mjs";

await serve(async (job, logger) => {
  const Command = oidc[`${job.operation}Command`];
  if (!Command) return "not in this version";
  const milliseconds = job.timeout * 1000;
  const client = new oidc.SSOOIDCClient({
    region: job.region,
    logger,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: milliseconds,
      requestTimeout: milliseconds,
      throwOnRequestTimeout: true,
      ...(job.proxy ? { httpsAgent: new HttpsProxyAgent(job.proxy) } : {}),
    }),
  });
  await client.send(new Command(job.input));
});
