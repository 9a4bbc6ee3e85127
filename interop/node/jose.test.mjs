// npm `jose` and countersign-jose: each reads what the other writes, with keys that either made,
// and both refuse what was changed on the way.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Cannot, NpmJose } from "./npm_jose.mjs";
import { OurSide, Refused } from "./our_side.mjs";
import { Random } from "./random.mjs";
import { Results } from "./results.mjs";
import { changedSignatures } from "./tampering.mjs";

const form = (name, content, flags) => ({ name, content, flags });
const SIGNED_FORMS = [
  form("compact", "bytes", { form: "compact" }),
  form("flattened", "bytes", { form: "flattened" }),
  form("general", "bytes", { form: "general" }),
  form("compact, detached", "bytes", { form: "compact", detached: true }),
  form("flattened, detached", "bytes", { form: "flattened", detached: true }),
  form("general, detached", "bytes", { form: "general", detached: true }),
  form("compact, b64=false", "plain", { form: "compact", unencoded: true }),
  form("flattened, b64=false", "text", { form: "flattened", unencoded: true }),
  form("general, b64=false", "text", { form: "general", unencoded: true }),
  form("compact, b64=false, detached", "bytes",
    { form: "compact", unencoded: true, detached: true }),
  form("flattened, b64=false, detached", "bytes",
    { form: "flattened", unencoded: true, detached: true }),
];

const random = new Random();
const ours = new OurSide();
const theirs = new NpmJose();
const results = new Results(theirs.name);
const names = await ours.names();
console.log(`seed: JOSE_SEED=${random.seed}`);
after(() => ours.stop());

for (const alg of names.signature) {
  test(`signatures: ${alg}`, async (t) => {
    const keys = await madeByEither(t, alg);
    for (const index of keys.keys()) {
      for (const form of SIGNED_FORMS) await crossSigned(form, keys, index);
    }
    if (alg === "Ed25519") await readsTheOldName(keys);
    t.diagnostic(results.line(alg));
  });
}

test("docs/jose-interop.md says what this run has shown", (t) => {
  console.log(results.summary());
  t.diagnostic(results.compareWithDocument());
});

/// Keys that either side made, carried over as JWK and, but for secrets, as PEM. None when the
/// library says that it cannot do the algorithm.
async function madeByEither(t, alg, kind) {
  const secret = /^HS/.test(alg);
  const keys = [];
  try {
    for (const carrier of secret ? ["jwk"] : ["jwk", "pem"]) {
      keys.push(await madeByUs(alg, carrier, kind), await madeByThem(alg, carrier, kind));
    }
  } catch (error) {
    if (!(error instanceof Cannot)) throw error;
    // It must be unable to do it with our key as well.
    const forms = await ours.forms({ jwk: await ours.generate(alg, kind) });
    await assert.rejects(theirs.take(alg, { jwk: forms.private_jwk }), Cannot);
    results.cannot(alg, error.message);
    return [];
  }
  for (const key of keys) await sameKeyOnBothSides(key);
  return keys;
}

async function madeByUs(alg, carrier, kind) {
  const jwk = await ours.generate(alg, kind);
  const forms = await ours.forms({ jwk });
  const key = { alg, kid: jwk.kid, name: `made by us, carried as ${carrier}` };
  const take = (part) => theirs.take(alg, { [carrier]: forms[`${part}_${carrier}`] });
  const pair = { private: await take("private") };
  pair.public = forms.public_jwk ? await take("public") : pair.private;
  key.theirs = pair;
  key.ours = { private: { alg, jwk }, public: { alg, jwk: forms.public_jwk ?? jwk } };
  return key;
}

async function madeByThem(alg, carrier, kind) {
  const key = { alg, name: `made by them, carried as ${carrier}` };
  key.theirs = await theirs.generate(alg, kind);
  const carry = async (half) => ({ alg, [carrier]: await theirs[carrier](half) });
  key.ours = {
    private: await carry(key.theirs.private),
    public: await carry(key.theirs.public),
  };
  [key.kid] = await theirs.names(key.theirs.public);
  return key;
}

/// Both sides write the same public key and give it the same name, and each reads the private key
/// as the other writes it.
async function sameKeyOnBothSides(key) {
  const [kid, uri] = await theirs.names(key.theirs.public);
  assert.equal(kid, key.kid, key.name);
  if (key.ours.private.jwk?.kty === "oct") return;
  const forms = await ours.forms(key.ours.public);
  assert.equal(forms.thumbprint, kid, key.name);
  assert.equal(forms.thumbprint_uri, uri, key.name);
  const { kid: _, use, key_ops, alg, ...numbers } = forms.public_jwk;
  const { alg: theirAlg, ...theirNumbers } = await theirs.jwk(key.theirs.public);
  assert.deepEqual(numbers, theirNumbers, key.name);
  const plain = (pem) => pem.replaceAll(/\s/g, "");
  assert.equal(plain(forms.public_pem), plain(await theirs.pem(key.theirs.public)), key.name);
  const again = [
    { jwk: { ...await theirs.jwk(key.theirs.private), alg: key.alg } },
    { pem: await theirs.pem(key.theirs.private) },
  ];
  for (const form of again) assert.equal((await ours.forms(form)).thumbprint, kid, key.name);
}

/// Either side signs; both verify, and both refuse each change.
async function crossSigned(form, keys, index) {
  const several = form.flags.form === "general";
  const signers = several ? [keys[index], keys[(index + 1) % keys.length]] : [keys[index]];
  for (const writer of [ours, theirs]) {
    const payload = random.payload(form.content);
    const token = await writer.sign(form, signers, payload);
    for (const reader of [ours, theirs]) {
      const seen = await explained(
        () => reader.verify(form, signers, token, payload),
        () => ({ form: form.name, writer: writer.name, reader: reader.name, signers, token }),
      );
      assert.deepEqual(seen, payload, `${form.name}: the payload`);
    }
    for (const change of changedSignatures(form, token, payload, random)) {
      for (const reader of [ours, theirs]) {
        const verified = reader.verify(form, signers, change.token, change.payload);
        await refused(verified, change, reader, change.part !== "header" && "bad_signature");
      }
    }
    results.crossed(keys[0].alg, writer === ours);
  }
}

/// `EdDSA` is the older name of Ed25519: we read it and do not write it.
async function readsTheOldName(keys) {
  const [form] = SIGNED_FORMS;
  for (const key of keys) {
    const old = { ...key, alg: "EdDSA", alsoCalled: "Ed25519" };
    const payload = random.payload(form.content);
    const token = await theirs.sign(form, [old], payload);
    assert.deepEqual(await ours.verify(form, [key], token, payload), payload);
    for (const change of changedSignatures(form, token, payload, random)) {
      const verified = ours.verify(form, [key], change.token, change.payload);
      await refused(verified, change, ours, change.part !== "header" && "bad_signature");
    }
    results.crossed("EdDSA", false);
  }
}

async function explained(action, situation) {
  try {
    return await action();
  } catch (error) {
    throw new Error(JSON.stringify(situation()), { cause: error });
  }
}

async function refused(action, change, reader, reason) {
  const said = await action.then(() => undefined, (error) => error);
  const what = `${reader.name}, a changed ${change.part}: ${JSON.stringify(change)}`;
  assert.ok(said instanceof Refused || (!reason && said instanceof Cannot), what, { cause: said });
  if (reason) assert.equal(said.reason, reason, what);
  results.refused(reader === ours);
}
