"""Python without the SDK: `bare.py requests`, and so on."""

import asyncio
import json
import sys
import urllib.request

from forms import serve


def url(job):
    return job.get("url") or f"https://oidc.{job['region']}.amazonaws.com{job['path']}"


def by_requests(job):
    import requests
    response = requests.post(url(job), json=job["input"], timeout=job["timeout"],
                             proxies={"https": job["proxy"]} if job["proxy"] else None)
    response.raise_for_status()


def by_httpx(job):
    import httpx
    with httpx.Client(timeout=job["timeout"], proxy=job["proxy"]) as client:
        client.post(url(job), json=job["input"]).raise_for_status()


def by_urllib3(job):
    import urllib3
    retries = urllib3.Retry(2, status_forcelist=[429, 500, 502, 503], allowed_methods=None, backoff_factor=0)
    pool = urllib3.ProxyManager(job["proxy"]) if job["proxy"] else urllib3.PoolManager()
    response = pool.request("POST", url(job), json=job["input"], timeout=job["timeout"], retries=retries)
    if response.status >= 400:
        raise RuntimeError(f"POST {url(job)}: HTTP {response.status}: {response.data.decode()}")


def by_aiohttp(job):
    import aiohttp

    async def call():
        timeout = aiohttp.ClientTimeout(total=job["timeout"])
        async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True, trust_env=True) as session:
            async with session.post(url(job), json=job["input"], proxy=job["proxy"]) as response:
                await response.json()

    asyncio.run(call())


def by_urllib(job):
    request = urllib.request.Request(url(job), json.dumps(job["input"]).encode(), {"Content-Type": "application/json"})
    if job["proxy"]:
        request.set_proxy(job["proxy"].removeprefix("http://"), "http")
    urllib.request.urlopen(request, timeout=job["timeout"])


class Client:
    loggers = "urllib3", "httpx", "httpcore", "asyncio"
    call = staticmethod(globals()["by_" + sys.argv[1]])


serve(Client)
