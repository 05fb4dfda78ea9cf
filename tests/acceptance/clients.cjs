'use strict';
// Published JavaScript clients beside the Node SDK, unmodified, against a real `mogr serve`: the browser's
// cos-js-sdk-v5 in Chromium, on a page of another origin, and PicGo, as a person's editor calls it.
//
// Needs the packages of package.json, Debian's Chromium and a built binary:
//
//     MOGR=target/release/mogr node tests/acceptance/clients.cjs

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { chromium } = require('playwright-core');
const { start } = require('./server.cjs');

const Bucket = 'examples-1250000000';
const Region = 'ap-shanghai';
const HOST = `${Bucket}.cos.${Region}.myqcloud.com`;
const KEY = { SecretId: 'AKIDapplication00000000000000000001', SecretKey: 'applicationSecret000000000000001' };
const PHOTO = fs.readFileSync(path.join(__dirname, '../../functions/local/samples/photo.jpg'));
const SDK = require.resolve('cos-js-sdk-v5/dist/cos-js-sdk-v5.min.js');

let server;
let pages;
let browser;
let page;
const complaints = [];

before(async () => {
  server = await start('clients.toml');
  pages = http.createServer((request, answer) => {
    const script = request.url === '/sdk.js';
    answer.setHeader('Content-Type', `${script ? 'text/javascript' : 'text/html'}; charset=utf-8`);
    answer.end(script ? fs.readFileSync(SDK) : '<!doctype html><title>page</title><script src="/sdk.js"></script>');
  });
  await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'mogr-chromium-'));
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      // Both names are this machine; the page's origin is another one than the bucket's.
      `--host-resolver-rules=MAP page.example 127.0.0.1:${pages.address().port},MAP *.myqcloud.com 127.0.0.1:${server.port}`,
    ],
  });
  page = await browser.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  await page.goto('http://page.example/');
  await page.evaluate(({ key, bucket, region, photo }) => {
    window.cos = new COS({ ...key, Protocol: 'http:', Timeout: 30000 });
    window.where = (name, rest = {}) => ({ Bucket: bucket, Region: region, Key: name, ...rest });
    window.photo = new Blob([Uint8Array.from(atob(photo), (c) => c.charCodeAt(0))], { type: 'image/jpeg' });
    window.large = new Blob([new Uint8Array(3 * 1024 * 1024 + 17).map((_, i) => (i * 7919) >> 3)]);
    window.same = async (blob, other) => {
      const [a, b] = await Promise.all([blob.arrayBuffer(), other.arrayBuffer()]);
      const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
      return left.length === right.length && left.every((byte, i) => byte === right[i]);
    };
    window.get = (name, rest) => cos.getObject(where(name, { DataType: 'blob', ...rest })).then((got) => got.Body);
  }, { key: KEY, bucket: Bucket, region: Region, photo: PHOTO.toString('base64') });
});

after(async () => {
  await browser?.close();
  pages?.close();
  if (server) assert.equal(await server.stop(), 0, 'the server stops cleanly');
});

/** Runs in the page; what the browser's console said is part of a failure's message. */
async function inPage(code, argument) {
  complaints.length = 0;
  try {
    return await page.evaluate(code, argument);
  } catch (error) {
    error.message += `\nconsole: ${complaints.join('\n')}`;
    throw error;
  }
}

test('objects: put, get, head, range, copy, delete', async () => {
  const seen = await inPage(async () => {
    const put = await cos.putObject(where('页 1/a b.txt', { Body: new Blob(['hello']) }));
    const got = await (await get('页 1/a b.txt')).text();
    const part = await (await get('页 1/a b.txt', { Range: 'bytes=1-2' })).text();
    const head = await cos.headObject(where('页 1/a b.txt'));
    const { Bucket: bucket, Region: region } = where('');
    const source = `${bucket}.cos.${region}.myqcloud.com/${encodeURIComponent('页 1/a b.txt')}`;
    await cos.putObjectCopy(where('copy.txt', { CopySource: source }));
    const copied = await (await get('copy.txt')).text();
    await cos.deleteObject(where('copy.txt'));
    const gone = await cos.headObject(where('copy.txt')).catch((error) => error.statusCode);
    return { etag: put.ETag, got, part, length: head.headers['content-length'], copied, gone };
  });
  assert.deepEqual({ ...seen, etag: typeof seen.etag },
    { etag: 'string', got: 'hello', part: 'el', length: '5', copied: 'hello', gone: 404 });
});

test('a list of a bucket, and of the buckets', async () => {
  const seen = await inPage(async () => {
    for (const name of ['list/a', 'list/b', 'list/sub/c']) await cos.putObject(where(name, { Body: 'x' }));
    const list = await cos.getBucket({ ...where(''), Prefix: 'list/', Delimiter: '/' });
    await cos.deleteMultipleObject({ ...where(''), Objects: list.Contents.map(({ Key }) => ({ Key })) });
    const rest = await cos.getBucket({ ...where(''), Prefix: 'list/' });
    return { found: list.Contents.map((o) => o.Key), folders: list.CommonPrefixes.map((p) => p.Prefix),
             rest: rest.Contents.map((o) => o.Key) };
  });
  assert.deepEqual(seen, { found: ['list/a', 'list/b'], folders: ['list/sub/'], rest: ['list/sub/c'] });
});

test('a large file in parts, with progress, and its copy by parts', async () => {
  const seen = await inPage(async () => {
    let progress = 0;
    await cos.uploadFile({ ...where('large.bin'), Body: large, SliceSize: 1024 * 1024, ChunkSize: 1024 * 1024,
                           onProgress: (told) => { progress = told.percent; } });
    const whole = await same(large, await get('large.bin'));
    const { Bucket: bucket, Region: region } = where('');
    await cos.sliceCopyFile({ ...where('large-copy.bin'), CopySource: `${bucket}.cos.${region}.myqcloud.com/large.bin`,
                              CopySliceSize: 1024 * 1024, CopyChunkSize: 1024 * 1024 });
    return { progress, whole, copied: await same(large, await get('large-copy.bin')) };
  });
  assert.deepEqual(seen, { progress: 1, whole: true, copied: true });
});

test('append', async () => {
  const seen = await inPage(async () => {
    const first = await cos.appendObject(where('append.log', { Position: 0, Body: 'one ' }));
    await cos.appendObject(where('append.log', { Position: Number(first.headers['x-cos-next-append-position']), Body: 'two' }));
    return (await get('append.log')).text();
  });
  assert.equal(seen, 'one two');
});

test('an upload with rules, and the cloud mode', async () => {
  const seen = await inPage(async () => {
    const rules = JSON.stringify({ is_pic_info: 1, rules: [{ fileid: '/made/put.jpg', rule: 'imageMogr2/interlace/1' }] });
    const put = await cos.putObject(where('made/photo.jpg', { Body: photo, Headers: { 'Pic-Operations': rules } }));
    const post = await cos.request({ ...where('made/photo.jpg'), Method: 'POST', Action: 'image_process',
      Headers: { 'Pic-Operations': rules.replace('put.jpg', 'post.jpg') } });
    const [one, two] = [await get('made/put.jpg'), await get('made/post.jpg')];
    return { put: put.UploadResult.ProcessResults.Object.Key, post: post.UploadResult.ProcessResults.Object.Key,
             same: await same(one, two), type: one.type };
  });
  assert.deepEqual(seen, { put: 'made/put.jpg', post: 'made/post.jpg', same: true, type: 'image/jpeg' });
});

test('a signed URL with a rule is an image of the page', async () => {
  const size = await inPage(async () => {
    await cos.putObject(where('shown/photo.jpg', { Body: photo }));
    const url = cos.getObjectUrl(where('shown/photo.jpg', { Sign: true, QueryString: 'imageMogr2/interlace/1' }), () => {});
    const image = new Image();
    image.src = url;
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  });
  assert.ok(size[0] > 100 && size[1] > 100, `the image is ${size}`);
});

test('what clients merely ask for', async () => {
  const seen = await inPage(async () => {
    await cos.putObject(where('asked.txt', { Body: 'x' }));
    const acl = await cos.getObjectAcl(where('asked.txt'));
    const bucket = await cos.getBucketAcl(where(''));
    const versioning = await cos.getBucketVersioning(where(''));
    const location = await cos.getBucketLocation(where(''));
    const cors = await cos.getBucketCors(where(''));
    const tagging = await cos.getObjectTagging(where('asked.txt'));
    return { acl: acl.ACL, bucket: bucket.ACL, versioning: versioning.VersioningConfiguration?.Status ?? '',
             location: location.LocationConstraint, cors: cors.CORSRules.length, tags: tagging.Tags };
  });
  assert.deepEqual(seen, { acl: 'private', bucket: 'private', versioning: '', location: Region, cors: 1, tags: [] });
});

test('what is not built is refused by name', async () => {
  const codes = await inPage(async () => {
    await cos.putObject(where('kept.txt', { Body: 'kept' }));
    const code = (call) => call.then(() => 'done', (error) => error.error?.Code ?? error.code);
    const codes = [
      await code(cos.putBucketVersioning({ ...where(''), VersioningConfiguration: { Status: 'Enabled' } })),
      await code(cos.putObjectAcl(where('kept.txt', { ACL: 'public-read' }))),
      await code(cos.request({ ...where('kept.txt'), Method: 'PUT', Action: 'symlink' })),
      await code(cos.request({ ...where('kept.txt'), Method: 'DELETE', Action: 'symlink' })),
    ];
    return { codes, kept: await (await get('kept.txt')).text() };
  });
  assert.deepEqual(codes, { codes: Array(4).fill('InvalidRequest'), kept: 'kept' });
});

test('a form upload with a signed policy', async () => {
  // The page holds no secret: its own server signs the policy.
  const seconds = Math.floor(Date.now() / 1000);
  const time = `${seconds - 60};${seconds + 600}`;
  const policy = JSON.stringify({
    expiration: new Date((seconds + 600) * 1000).toISOString(),
    conditions: [{ bucket: Bucket }, ['starts-with', '$key', 'form/'], ['content-length-range', 1, 10000000],
      ['eq', '$success_action_status', '201'], ['starts-with', '$Content-Type', 'image/'],
      { 'q-sign-algorithm': 'sha1' }, { 'q-ak': KEY.SecretId }, { 'q-sign-time': time }],
  });
  const hmac = (secret, text) => crypto.createHmac('sha1', secret).update(text).digest('hex');
  const signature = hmac(hmac(KEY.SecretKey, time), crypto.createHash('sha1').update(policy).digest('hex'));
  const signed = {
    success_action_status: '201', 'Content-Type': 'image/jpeg', policy: Buffer.from(policy).toString('base64'),
    'q-sign-algorithm': 'sha1', 'q-ak': KEY.SecretId, 'q-key-time': time, 'q-sign-time': time, 'q-signature': signature,
  };
  const seen = await inPage(async ({ signed, host }) => {
    const send = async (key, other = {}) => {
      const form = new FormData();
      for (const [field, value] of Object.entries({ key, ...signed, ...other })) form.append(field, value);
      form.append('file', photo, 'photo 图.jpg');
      const answer = await fetch(`http://${host}/`, { method: 'POST', body: form });
      return [answer.status, (await answer.text()).match(/<(?:Key|Code)>(.*?)</)?.[1]];
    };
    const done = await send('form/${filename}');
    const elsewhere = await send('other/photo.jpg');
    const forged = await send('form/forged.jpg', { 'q-signature': '0'.repeat(40) });
    return { done, elsewhere, forged, same: await same(photo, await get('form/photo 图.jpg')) };
  }, { signed, host: HOST });
  assert.deepEqual(seen, { done: [201, 'form/photo 图.jpg'], elsewhere: [403, 'AccessDenied'],
    forged: [403, 'SignatureDoesNotMatch'], same: true });
});

test('PicGo uploads a picture and names its URL', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mogr-picgo-'));
  const config = path.join(folder, 'config.json');
  fs.writeFileSync(config, JSON.stringify({
    picBed: {
      current: 'tcyun', uploader: 'tcyun', proxy: `http://127.0.0.1:${server.port}`,
      tcyun: { version: 'v5', secretId: KEY.SecretId, secretKey: KEY.SecretKey, bucket: Bucket, appId: '1250000000',
               area: Region, path: 'picgo/', customUrl: '', options: 'imageMogr2/interlace/1' },
    },
    picgoPlugins: {},
  }));
  fs.writeFileSync(path.join(folder, 'photo.jpg'), PHOTO);
  const { PicGo } = require('picgo');
  const picgo = new PicGo(config);
  picgo.setConfig({ silent: true });
  const made = await picgo.upload([path.join(folder, 'photo.jpg')]);
  assert.ok(Array.isArray(made), String(made));
  assert.match(made[0].imgUrl, new RegExp(`^https://${HOST}/picgo/photo\\.jpg`));
  const stored = fs.readFileSync(path.join(server.root, 'examples/picgo/photo.jpg'));
  assert.ok(stored.equals(PHOTO));
  fs.rmSync(folder, { recursive: true, force: true });
});
