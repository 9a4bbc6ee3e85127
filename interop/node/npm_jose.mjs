// npm `jose`, behind the same few functions as our side.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

import * as jose from "jose";

import { Refused } from "./our_side.mjs";

const { version } = createRequire(import.meta.url)("jose/package.json");

/// The library, or the runtime under it, does not know an algorithm.
export class Cannot extends Error {}

/// Of PBES2: the fewest that we read.
const ROUNDS = 1000;
const UNENCODED = { b64: false, crit: ["b64"] };

/// Whether both sides of an algorithm share one secret.
export const isSecret = (alg) => /^(HS|dir$|A\d)/.test(alg);

/// Turns what the library says into `Cannot` or `Refused`; other errors are mistakes of ours.
async function told(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.code === "ERR_JOSE_NOT_SUPPORTED") throw new Cannot(error.message);
    if (error.name === "NotSupportedError") throw new Cannot(`Node: ${error.message}`);
    if (error.code === "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") throw new Refused("bad_signature");
    if (error.code === "ERR_JWE_DECRYPTION_FAILED") throw new Refused("decryption");
    if (error.code?.startsWith("ERR_J")) throw new Refused(error.code);
    throw error;
  }
}

export class NpmJose {
  name = `jose ${version} on Node ${process.versions.node.split(".")[0]}`;

  /// A key pair, or one secret in both places.
  async generate(alg, kind) {
    if (isSecret(alg)) {
      const name = alg === "dir" ? kind : alg;
      const secret = await told(jose.generateSecret(name, { extractable: true }));
      return { private: secret, public: secret };
    }
    const { privateKey, publicKey } =
      await told(jose.generateKeyPair(alg, { extractable: true, crv: kind }));
    return { private: privateKey, public: publicKey };
  }

  take(alg, { jwk, pem }) {
    if (jwk) return told(jose.importJWK(jwk, alg, { extractable: true }));
    const load = pem.includes("PRIVATE KEY") ? jose.importPKCS8 : jose.importSPKI;
    return told(load(pem, alg, { extractable: true }));
  }

  jwk(key) { return jose.exportJWK(key); }

  pem(key) { return key.type === "private" ? jose.exportPKCS8(key) : jose.exportSPKI(key); }

  async names(key) {
    const jwk = await jose.exportJWK(key);
    return [await jose.calculateJwkThumbprint(jwk), await jose.calculateJwkThumbprintUri(jwk)];
  }

  async sign(form, keys, payload) {
    const { form: shape, detached, unencoded } = form.flags;
    const extra = unencoded ? UNENCODED : {};
    const header = ({ alg, kid }) => ({ alg, kid, ...extra });
    // The library leaves an unencoded payload out, for the caller to put in.
    const place = (jws) => {
      if (detached) delete jws.payload;
      else if (unencoded) jws.payload = payload.toString();
      return JSON.stringify(jws);
    };
    if (shape === "general") {
      const sign = new jose.GeneralSign(payload);
      for (const key of keys) {
        sign.addSignature(key.theirs.private).setProtectedHeader(header(key));
      }
      return place(await told(sign.sign()));
    }
    const [key] = keys;
    if (shape === "compact" && !unencoded) {
      const sign = new jose.CompactSign(payload).setProtectedHeader(header(key));
      const token = await told(sign.sign(key.theirs.private));
      return detached ? token.replace(/\..*\./, "..") : token;
    }
    const sign = new jose.FlattenedSign(payload).setProtectedHeader(header(key));
    const jws = await told(sign.sign(key.theirs.private));
    if (shape === "flattened") return place(jws);
    return [jws.protected, detached ? "" : payload.toString(), jws.signature].join(".");
  }

  async verify(form, keys, token, payload) {
    const { form: shape, detached, unencoded } = form.flags;
    const options = { algorithms: [keys[0].alg, keys[0].alsoCalled ?? keys[0].alg] };
    const brought = unencoded ? payload : payload.toString("base64url");
    if (shape === "compact" && !detached) {
      return read(await told(jose.compactVerify(token, keys[0].theirs.public, options)));
    }
    const jws = shape === "compact" ? split(token) : JSON.parse(token);
    if (detached) jws.payload = brought;
    if (shape !== "general") {
      return read(await told(jose.flattenedVerify(jws, keys[0].theirs.public, options)));
    }
    // One call accepts any one signature; so each key is asked for.
    let result;
    for (const key of keys) {
      result = await told(jose.generalVerify(jws, key.theirs.public, options));
    }
    return read(result);
  }

  async encrypt(form, enc, keys, plaintext, aad, zip) {
    const [{ alg, kid, theirs }] = keys;
    const header = JSON.parse(JSON.stringify({ alg, enc, kid, zip }));
    if (form.flags.form === "compact") {
      const encrypt = new jose.CompactEncrypt(plaintext).setProtectedHeader(header);
      if (alg.startsWith("PBES2")) encrypt.setKeyManagementParameters({ p2c: ROUNDS });
      return told(encrypt.encrypt(theirs.public));
    }
    if (form.flags.form === "flattened") {
      const encrypt = new jose.FlattenedEncrypt(plaintext).setProtectedHeader(header);
      if (aad) encrypt.setAdditionalAuthenticatedData(aad);
      return JSON.stringify(await told(encrypt.encrypt(theirs.public)));
    }
    const encrypt = new jose.GeneralEncrypt(plaintext).setProtectedHeader({ enc });
    if (aad) encrypt.setAdditionalAuthenticatedData(aad);
    for (const { alg, kid, theirs } of keys) {
      encrypt.addRecipient(theirs.public).setUnprotectedHeader({ alg, kid });
    }
    return JSON.stringify(await told(encrypt.encrypt()));
  }

  /// What each of the keys decrypts to.
  async decrypt(form, enc, keys, token) {
    const options = { keyManagementAlgorithms: [keys[0].alg], contentEncryptionAlgorithms: [enc] };
    const decrypt = {
      compact: jose.compactDecrypt,
      flattened: jose.flattenedDecrypt,
      general: jose.generalDecrypt,
    }[form.flags.form];
    const jwe = form.flags.form === "compact" ? token : JSON.parse(token);
    const seen = [];
    for (const { theirs } of keys) {
      const { plaintext, additionalAuthenticatedData: aad } =
        await told(decrypt(jwe, theirs.private, options));
      seen.push([Buffer.from(plaintext), aad && Buffer.from(aad)]);
    }
    for (const one of seen) assert.deepEqual(one, seen[0]);
    return seen[0];
  }
}

const read = ({ payload }) => Buffer.from(payload);

function split(token) {
  const [header, , signature] = token.split(".");
  return { protected: header, signature };
}
