// A person with a browser: opens an address of the provider, logs in and agrees, or refuses, by the forms of its pages.

const decode = (text) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&#x2F;', '/');
const attribute = (tag, name) => decode(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? '');

// What a browser would send of the form on a page, with what the person types.
const filled = (page, typed) => {
  const [, tag, content] = /<form([^>]*)>([\s\S]*?)<\/form>/.exec(page) ?? [];
  if (!tag) return undefined;
  const fields = new URLSearchParams();
  for (const [input] of content.matchAll(/<input[^>]*>/g)) {
    const name = attribute(input, 'name');
    fields.set(name, typed[name] ?? attribute(input, 'value'));
  }
  return { action: attribute(tag, 'action'), fields };
};

// Follows redirects and answers pages until the browser is sent to another origin, whose address is returned, or the
// pages have no form any more. `refuses`: cancels where it is asked for consent.
export const visit = async (start, { userCode, refuses } = {}) => {
  const cookies = new Map();
  const origin = new URL(start).origin;
  const typed = { login: 'ada', password: 'any', user_code: userCode };
  let request = { url: start };
  let cancelled = false;
  for (let step = 0; step < 30; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(request.url, {
      method: request.fields ? 'POST' : 'GET', body: request.fields, redirect: 'manual', headers: { cookie },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value) cookies.set(name, value); else cookies.delete(name);
    }
    const location = response.headers.get('location');
    if (location) {
      const url = new URL(location, request.url);
      if (url.origin !== origin) return url.href;
      request = { url: url.href };
      continue;
    }
    const page = await response.text();
    const form = cancelled ? undefined : filled(page, typed);
    if (!form) return `${response.status} ${page.replace(/<style>[\s\S]*?<\/style>|<[^>]*>/g, ' ').replace(/\s+/g, ' ')}`;
    const asksConsent = form.fields.get('prompt') === 'consent';
    cancelled = refuses && asksConsent;
    request = cancelled
      ? { url: `${request.url}/abort` }
      : { url: new URL(form.action, request.url).href, fields: form.fields };
  }
  throw new Error('the pages do not end');
};
