// A certified OpenID provider, an API beside it that takes its access tokens, and a person. The first argument is the provider's
// module; the first line of output tells both addresses and the private keys of the clients that sign; it ends when its
// input ends.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { visit } from './person.mjs';

const { default: Provider } = await import(pathToFileURL(process.argv[2]));
const settings = JSON.parse(process.argv[3]);
// Who started this reads one line; the provider's advice about its pages goes nowhere.
for (const level of ['info', 'warn', 'error']) console[level] = () => {};

const listening = (server) => new Promise((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
});

const { jwtVerify } = await import(pathToFileURL(createRequire(process.argv[2]).resolve('jose')));

const pairs = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};
const keys = {};
const publicKeys = {};
for (const client of settings.clients.filter((client) => client.signs)) {
  const { publicKey, privateKey } = pairs[client.signs]();
  keys[client.client_id] = privateKey.export({ type: client.form ?? 'pkcs8', format: 'pem' });
  publicKeys[client.client_id] = publicKey;
  client.token_endpoint_auth_method = 'private_key_jwt';
  client.token_endpoint_auth_signing_alg = client.signs;
  client.jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig' }] };
  delete client.signs;
  delete client.form;
}

const issuing = createServer();
const issuer = await listening(issuing);
const provider = new Provider(issuer, {
  clients: settings.clients.map((client) => ({
    grant_types: ['client_credentials'], response_types: [], redirect_uris: [], scope: 'read write', ...client,
  })),
  scopes: ['read', 'write', 'admin'],
  features: {
    clientCredentials: { enabled: true }, deviceFlow: { enabled: true }, devInteractions: { enabled: true },
  },
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  // A refresh token serves once: a second use revokes all that came of the consent.
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] },
  ttl: { ClientCredentials: settings.lifetime, AccessToken: settings.lifetime, Session: 600, Interaction: 600, Grant: 600, DeviceCode: 600, RefreshToken: 600 },
});
let issued = 0;
let revoked = 0;
provider.on('client_credentials.saved', () => { issued += 1; });
provider.on('access_token.saved', () => { issued += 1; });
provider.on('grant.revoked', () => { revoked += 1; });
issuing.on('request', provider.callback());

let refused = 0;
const answer = (response, status, body) => {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
};
const respond = async (request, response) => {
  if (request.url === '/assertions' || request.url === '/google') {
    const form = new URLSearchParams(await text(request));
    // Google takes its own address for the audience, and a subject.
    const google = { audience: `http://${request.headers.host}/google`, issuer: 'reader', subject: 'someone' };
    const plain = { audience: 'the api', issuer: form.get('issuer') };
    const expected = { ...request.url === '/google' ? google : plain, maxTokenAge: 60, requiredClaims: ['exp', 'jti'] };
    try {
      const { payload } = await jwtVerify(form.get('assertion'), publicKeys[expected.issuer], expected);
      const token = new provider.ClientCredentials({ client: await provider.Client.find(payload.iss), scope: payload.scope });
      return answer(response, 200, { access_token: await token.save() });
    } catch (error) {
      return answer(response, 400, { error: 'invalid_grant', error_description: error.message });
    }
  }
  if (request.url === '/counts') return answer(response, 200, { issued, refused, revoked });
  const { pathname, searchParams } = new URL(request.url, 'http://api');
  if (pathname === '/person') {
    // Goes to `url`, and on to where the provider sends the browser, if `comes_back`.
    const options = { userCode: searchParams.get('user_code') ?? undefined, refuses: searchParams.has('refuses') };
    const ended = await visit(searchParams.get('url'), options);
    if (!searchParams.has('comes_back')) return answer(response, 200, { ended });
    const page = await fetch(ended);
    return answer(response, 200, { ended, status: page.status, page: await page.text() });
  }
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const known = token && (await provider.ClientCredentials.find(token) ?? await provider.AccessToken.find(token));
  if (request.url === '/revoke') {
    await known?.destroy();
    return answer(response, 200, {});
  }
  if (known?.isValid) return answer(response, 200, { client: known.clientId, scope: known.scope });
  refused += 1;
  return answer(response, 401, { message: 'token unknown' });
};
const api = createServer((request, response) => {
  respond(request, response).catch((error) => answer(response, 500, { message: `${error.stack}` }));
});
console.log(JSON.stringify({ issuer, api: await listening(api), keys }));
process.stdin.on('end', () => process.exit(0)).resume();
