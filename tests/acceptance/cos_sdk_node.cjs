'use strict';
// The published Node SDK, unmodified, against a real `mogr serve`.
//
// Needs the packages of package.json and a built binary:
//
//     MOGR=target/release/mogr node tests/acceptance/cos_sdk_node.cjs
//
// The server is started on a free port over a temporary folder and stopped at the end.
// Packages are looked for beside this file and in NODE_PATH.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { Readable } = require('node:stream');
const { after, before, test } = require('node:test');
const COS = require('cos-nodejs-sdk-v5');
const JPEG = require('jpeg-js');
const { GifReader } = require('omggif');
const { PNG } = require('pngjs');
const { start } = require('./server.cjs');

const Bucket = 'examples-1250000000';
const Other = 'other-1250000001';
const Region = 'ap-shanghai';
const HOST = `${Bucket}.cos.${Region}.myqcloud.com`;
const INTERLACE = 'imageMogr2/format/jpg/interlace/1';
const APPLICATION = { SecretId: 'AKIDapplication00000000000000000001', SecretKey: 'applicationSecret000000000000001' };
const READER = { SecretId: 'AKIDreader0000000000000000000000002', SecretKey: 'readerSecret00000000000000000002' };
const TEMPORARY = { SecretId: 'AKIDtemporary0000000000000000000003', SecretKey: 'temporarySecret00000000000000003' };

// The SDK connects to the address it is given; a proxy of the environment is not part of the test.
for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY']) delete process.env[name];

let server;
let cos;

before(async () => {
  server = await start('cos_sdk.toml');
  cos = client();
});

after(async () => {
  if (server) assert.equal(await server.stop(), 0, 'the server stops cleanly');
});

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function client(key = APPLICATION, options = {}) {
  return new COS({ ...key, Protocol: 'http:', Ip: `127.0.0.1:${server.port}`, ...options });
}

/** Sends exactly this URL to the server. */
function fetchUrl(url, { method = 'GET', headers = {}, body } = {}) {
  const [, host, target] = url.match(/^http:\/\/([^/]+)(.*)$/);
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.port, method, path: target, headers: { Host: host, ...headers } };
    const request = http.request(options, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A URL as the SDK gives it to a callback, and as it returns it. */
async function urls(params, sdk = cos) {
  let returned;
  const given = await new Promise((resolve, reject) => {
    const done = (error, data) => (error ? reject(error) : resolve(data.Url));
    returned = sdk.getObjectUrl({ Bucket, Region, Sign: true, Protocol: 'http:', ...params }, done);
  });
  return [given, returned];
}

async function refused(status, code, call) {
  const error = await call().then(
    () => assert.fail(`expected ${status} ${code}, and it went through`),
    (error) => error,
  );
  assert.deepEqual([error.statusCode, error.code], [status, code], error.message);
  assert.ok(error.message && error.headers['x-cos-request-id'], 'message and request id');
  return error;
}

function denied(answer, status, code) {
  assert.equal(answer.status, status, answer.body.toString());
  assert.match(answer.body.toString(), new RegExp(`<Code>${code}</Code>`));
}

/** RGBA of a picture with edges, slopes and grain, another one for each seed. */
function picture(seed, width = 96, height = 64) {
  const data = Buffer.alloc(width * height * 4);
  let state = seed * 2654435761 + 1;
  const grain = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 24) % 13 - 6;
  };
  const corner = (seed * 17) % 48;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = x >= corner && x < corner + 24 && y >= 16 && y < 40;
      const base = inside ? [200, 40, 40] : [(2 * x) % 250, (3 * y) % 250, 90 + (seed % 100)];
      const at = (y * width + x) * 4;
      base.forEach((value, channel) => (data[at + channel] = Math.max(0, Math.min(255, value + grain()))));
      data[at + 3] = 255;
    }
  }
  return { width, height, data };
}

const jpeg = (seed) => JPEG.encode(picture(seed), 90).data;

function png(seed) {
  const { width, height, data } = picture(seed);
  const image = new PNG({ width, height });
  data.copy(image.data);
  return PNG.sync.write(image);
}

function isProgressive(bytes, like) {
  const image = JPEG.decode(bytes);
  assert.deepEqual([image.width, image.height], [96, 64]);
  assert.ok(bytes.includes(Buffer.from([0xff, 0xc2])), 'SOF2');
  if (like) assert.ok(image.data.equals(JPEG.decode(like).data), 'the pixels of the source');
}

function isAnimation(bytes, frames, delay = 50) {
  const gif = new GifReader(bytes);
  assert.deepEqual([gif.numFrames(), gif.width, gif.height, gif.loopCount()], [frames, 96, 64, 0]);
  for (let n = 0; n < frames; n++) assert.equal(gif.frameInfo(n).delay * 10, delay);
}

function encoded(url, padded = true) {
  const text = Buffer.from(url).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  return padded ? text : text.replace(/=+$/, '');
}

function animate(keys, { duration = 50, padded = true } = {}) {
  return `imageMogr2/animate/duration/${duration}/images/${keys.map((key) => encoded(`http://${HOST}/${key}`, padded)).join('/')}`;
}

const operations = (...rules) => JSON.stringify({ is_pic_info: 1, rules: rules.map(([fileid, rule]) => ({ fileid, rule })) });
const put = (Key, Body, more = {}) => cos.putObject({ Bucket, Region, Key, Body, ...more });
const get = async (Key, sdk = cos, more = {}) => (await sdk.getObject({ Bucket, Region, Key, ...more })).Body;
const process_ = (Key, PicOperations, sdk = cos) =>
  sdk.request({ Bucket, Region, Key, Method: 'POST', Action: 'image_process', Headers: { 'Pic-Operations': PicOperations } });
const md5 = (bytes) => crypto.createHash('md5').update(bytes).digest('hex');

test('keys survive the way', async () => {
  for (const Key of [
    'plain.bin',
    'folder/a b+c.jpg',
    '图片/动图 é.jpg',
    'a%2Fb.jpg',
    'x//doubled//x',
    'a./b/../c',
    "a&b=c?d#e;f,g:h@i$j!k'l(m)n*o~p",
    '😀.bin',
    'folder/',
  ]) {
    const body = Buffer.from(Key.repeat(3));
    const stored = await put(Key, body);
    assert.equal(stored.ETag, `"${md5(body)}"`, Key);
    assert.ok(stored.RequestId);
    assert.deepEqual(await get(Key), body);
    const head = await cos.headObject({ Bucket, Region, Key });
    assert.equal(head.headers['content-length'], String(body.length));
    assert.equal((await cos.deleteObject({ Bucket, Region, Key })).statusCode, 204);
    await refused(404, 'NoSuchKey', () => get(Key));
    // A deleted object is deleted once more without complaint.
    await cos.deleteObject({ Bucket, Region, Key });
  }
});

test('bodies of every kind', async () => {
  const large = crypto.randomBytes(300000);
  for (const [body, expected] of [
    [Buffer.from([0, 255]), Buffer.from([0, 255])],
    ['text é', Buffer.from('text é')],
    ['', Buffer.alloc(0)],
    [Readable.from([large]), large],
  ]) {
    await put('bodies/x', body, body.pipe ? {} : { ContentType: 'text/x' });
    assert.deepEqual(Buffer.from(await get('bodies/x')), expected);
  }
});

test('headers are kept', async () => {
  const checked = client(APPLICATION, { UploadCheckContentMd5: true });
  await checked.putObject({
    Bucket, Region, Key: 'headers/x', Body: '{}', ContentType: 'application/json', CacheControl: 'max-age=7',
    'x-cos-meta-author': 'Someone & co',
  });
  for (const call of ['headObject', 'getObject']) {
    const { headers } = await cos[call]({ Bucket, Region, Key: 'headers/x' });
    assert.equal(headers['content-type'], 'application/json');
    // Not everyone may read it, so no cache that others share may keep it.
    assert.equal(headers['cache-control'], 'private, max-age=7');
    assert.equal(headers['x-cos-meta-author'], 'Someone & co');
  }
  await refused(400, 'BadDigest', () => put('headers/y', 'x', { ContentMD5: Buffer.from(md5('y'), 'hex').toString('base64') }));
});

test('conditions and ranges', async () => {
  const { ETag } = await put('conditions/x', '0123456789');
  const ask = (more) => cos.getObject({ Bucket, Region, Key: 'conditions/x', ...more });
  const { headers } = await ask({});
  const unchanged = await ask({ IfNoneMatch: ETag }).then(() => assert.fail('expected 304'), (error) => error);
  assert.equal(unchanged.statusCode, 304);
  // The SDK has an answer of its own for this one.
  assert.equal((await ask({ IfModifiedSince: headers['last-modified'] })).NotModified, true);
  assert.equal((await ask({ IfNoneMatch: '"other"' })).Body.toString(), '0123456789');
  assert.equal((await ask({ IfMatch: ETag })).Body.toString(), '0123456789');
  await refused(412, 'PreconditionFailed', () => ask({ IfMatch: '"other"' }));
  const part = await ask({ Range: 'bytes=2-4' });
  assert.deepEqual([part.statusCode, part.Body.toString(), part.headers['content-range']], [206, '234', 'bytes 2-4/10']);
  await refused(416, 'InvalidRange', () => ask({ Range: 'bytes=10-' }));
  const chosen = await ask({ ResponseContentType: 'image/x; a="b c"', ResponseCacheControl: 'no-cache' });
  assert.deepEqual([chosen.headers['content-type'], chosen.headers['cache-control']], ['image/x; a="b c"', 'no-cache']);
});

test('lists, copies and deletes', async () => {
  const keys = ['list/a b+c', 'list/b/1', 'list/b/2', 'list/图'];
  for (const key of keys) await put(key, key);
  const all = await cos.getBucket({ Bucket, Region, Prefix: 'list/' });
  assert.deepEqual(all.Contents.map((entry) => entry.Key), keys);
  assert.equal(all.Contents[0].ETag, `"${md5(keys[0])}"`);
  const folders = await cos.getBucket({ Bucket, Region, Prefix: 'list/', Delimiter: '/' });
  assert.deepEqual(folders.CommonPrefixes.map((entry) => entry.Prefix), ['list/b/']);
  const first = await cos.getBucket({ Bucket, Region, Prefix: 'list/', MaxKeys: 3 });
  assert.deepEqual([first.IsTruncated, first.Contents.length], ['true', 3]);
  const rest = await cos.getBucket({ Bucket, Region, Prefix: 'list/', MaxKeys: 3, Marker: first.NextMarker });
  assert.deepEqual([rest.IsTruncated, rest.Contents.map((entry) => entry.Key)], ['false', ['list/图']]);

  const CopySource = `${HOST}/${encodeURIComponent('list/a b+c')}`;
  const copy = await cos.putObjectCopy({ Bucket, Region, Key: 'list/copy', CopySource });
  assert.equal(copy.ETag, `"${md5(keys[0])}"`);
  assert.equal((await get('list/copy')).toString(), keys[0]);
  await cos.putObjectCopy({ Bucket: Other, Region, Key: 'shared/copy', CopySource });
  await refused(403, 'AccessDenied', () => cos.putObjectCopy({ Bucket: Other, Region, Key: 'own/copy', CopySource }));

  const Objects = ['list/copy', 'list/b/1', 'locked/x'].map((Key) => ({ Key }));
  const many = await cos.deleteMultipleObject({ Bucket, Region, Objects });
  assert.deepEqual(many.Deleted.map((entry) => entry.Key).sort(), ['list/b/1', 'list/copy']);
  assert.deepEqual(many.Error.map((entry) => [entry.Key, entry.Code]), [['locked/x', 'AccessDenied']]);
});

test('large files go in parts', async () => {
  const body = crypto.randomBytes(3 * 1024 * 1024 + 77);
  const file = path.join(server.root, 'large.bin');
  fs.writeFileSync(file, body);
  const progress = [];
  const stored = await cos.uploadFile({
    Bucket, Region, Key: 'large/图 x+y.bin', FilePath: file, SliceSize: 1024 * 1024, ChunkSize: 1024 * 1024,
    onProgress: ({ percent }) => progress.push(percent), 'x-cos-meta-a': '1',
  });
  assert.ok(stored.ETag && stored.Location.endsWith('.bin'), JSON.stringify(stored));
  assert.equal(progress.at(-1), 1);
  const found = await cos.getObject({ Bucket, Region, Key: 'large/图 x+y.bin' });
  assert.ok(found.Body.equals(body));
  assert.equal(found.headers['x-cos-meta-a'], '1');
  await cos.uploadFile({ Bucket, Region, Key: 'large/small.png', FilePath: writeFile('small.png', png(1)), SliceSize: 1024 * 1024 });
  assert.equal((await cos.headObject({ Bucket, Region, Key: 'large/small.png' })).headers['content-type'], 'image/png');
  const down = path.join(server.root, 'down.bin');
  await cos.downloadFile({ Bucket, Region, Key: 'large/图 x+y.bin', FilePath: down, ChunkSize: 1024 * 1024 });
  assert.ok(fs.readFileSync(down).equals(body));
});

function writeFile(name, bytes) {
  const file = path.join(server.root, name);
  fs.writeFileSync(file, bytes);
  return file;
}

test('parts one by one, and processing when they are complete', async () => {
  const Key = 'parts/图.jpg';
  const body = jpeg(2);
  const { UploadId } = await cos.multipartInit({ Bucket, Region, Key });
  const { ETag } = await cos.multipartUpload({ Bucket, Region, Key, UploadId, PartNumber: 1, Body: body });
  const listed = await cos.multipartListPart({ Bucket, Region, Key, UploadId });
  assert.deepEqual(listed.Part.map((part) => [part.PartNumber, part.ETag, part.Size]), [['1', ETag, String(body.length)]]);
  const open = await cos.multipartList({ Bucket, Region, Prefix: 'parts/' });
  assert.deepEqual(open.Upload.map((upload) => [upload.Key, upload.UploadId]), [[Key, UploadId]]);
  const done = await cos.multipartComplete({
    Bucket, Region, Key, UploadId, Parts: [{ PartNumber: 1, ETag }],
    Headers: { 'Pic-Operations': operations(['progressive.jpg', INTERLACE]) },
  });
  // The SDK builds its UploadResult from the answer's own nodes.
  assert.equal(done.UploadResult.ProcessResults.Object.Key, 'parts/progressive.jpg', JSON.stringify(done));
  isProgressive(await get('parts/progressive.jpg'), body);
  const aborted = await cos.multipartInit({ Bucket, Region, Key });
  await cos.multipartAbort({ Bucket, Region, Key, UploadId: aborted.UploadId });
  await refused(404, 'NoSuchUpload', () =>
    cos.multipartUpload({ Bucket, Region, Key, UploadId: aborted.UploadId, PartNumber: 1, Body: 'x' }));
});

test('uploads are processed', async () => {
  const body = jpeg(10);
  const rules = operations(['result.jpg', INTERLACE]);
  for (const more of [{ PicOperations: rules }, { Headers: { 'Pic-Operations': rules } }]) {
    const { UploadResult } = await put('put/图 a+b.jpg', body, more);
    assert.equal(UploadResult.OriginalInfo.Key, 'put/图 a+b.jpg');
    assert.equal(UploadResult.OriginalInfo.ImageInfo.Format, 'JPEG');
    const result = UploadResult.ProcessResults.Object;
    assert.deepEqual([result.Key, result.Format, result.Width, result.Height], ['put/result.jpg', 'jpeg', '96', '64']);
    isProgressive(await get('put/result.jpg'), body);
  }
  assert.deepEqual(await get('put/图 a+b.jpg'), body);
  for (const n of [1, 2]) await put(`put/${n}`, n === 1 ? jpeg(11) : png(12));
  await put('put/0', png(13), { PicOperations: operations(['all.gif', animate(['put/1', 'put/2'], { duration: 120 })]) });
  isAnimation(await get('put/all.gif'), 3, 120);
});

test('stored images are processed', async () => {
  const body = jpeg(20);
  await put('stored/图 0', body);
  await put('stored/1', png(21));
  const { UploadResult } = await process_('stored/图 0', operations(['a.jpg', 'imageMogr2/interlace/1'], ['/out/b.gif', animate(['stored/1'])]));
  assert.deepEqual(UploadResult.ProcessResults.Object.map((entry) => entry.Key), ['stored/a.jpg', 'out/b.gif']);
  isProgressive(await get('stored/a.jpg'), body);
  isAnimation(await get('out/b.gif'), 2);
  await refused(400, 'InvalidPicOperations', () => process_('stored/1', '{'));
  await refused(400, 'InvalidArgument', () => process_('stored/1', operations(['x.jpg', 'imageMogr2/interlace/2'])));
  await refused(404, 'NoSuchKey', () => process_('stored/none', operations(['x.jpg', INTERLACE])));
});

test('downloads are processed', async () => {
  const body = jpeg(30);
  await put('get/图 a+b.jpg', body);
  await put('get/b.jpg', jpeg(31));
  for (const rule of [INTERLACE, 'imageMogr2/interlace/1|imageMogr2/interlace/1']) {
    for (const more of [{ Query: { [rule]: '' } }, { QueryString: rule }]) {
      const { Body, headers } = await cos.getObject({ Bucket, Region, Key: 'get/图 a+b.jpg', ...more });
      assert.equal(headers['content-type'], 'image/jpeg');
      isProgressive(Body, body);
    }
  }
  for (const padded of [true, false]) {
    const rule = animate(['get/b.jpg'], { padded });
    isAnimation(await get('get/图 a+b.jpg', cos, { Query: { [rule]: '' } }), 2);
    // `QueryString` leaves the rule unsigned: the other image is not for anyone.
    await refused(403, 'AccessDenied', () => get('get/图 a+b.jpg', cos, { QueryString: rule }));
  }
  await put('public/n.jpg', jpeg(32));
  isAnimation(await get('get/b.jpg', cos, { QueryString: animate(['public/n.jpg']) }), 2);
  await refused(400, 'InvalidArgument', () => get('get/b.jpg', cos, { Query: { 'imageMogr2/interlace/x': '' } }));
  const head = await cos.request({ Bucket, Region, Key: 'get/b.jpg', Method: 'HEAD', Query: { [INTERLACE]: '' } });
  assert.deepEqual([head.statusCode, head.headers['content-type']], [200, 'image/jpeg']);
});

test('twenty frames and not one more', async () => {
  const keys = Array.from({ length: 21 }, (_, n) => `twenty/a-rather-long-name-of-a-frame-${String(n).padStart(3, '0')}.jpg`);
  for (const [n, key] of keys.entries()) await put(key, jpeg(100 + n));
  const rule = animate(keys.slice(1, 20));
  isAnimation(await get(keys[0], cos, { Query: { [rule]: '' } }), 20);
  await process_(keys[0], operations(['/out/twenty.gif', rule]));
  isAnimation(await get('out/twenty.gif'), 20);
  for (const url of await urls({ Key: keys[0], Query: { [rule]: '' } })) {
    const answer = await fetchUrl(url);
    assert.equal(answer.status, 200, answer.body.toString('latin1').slice(0, 500));
    isAnimation(answer.body, 20);
  }
  await refused(400, 'ImageResolutionExceed', () => get(keys[0], cos, { Query: { [animate(keys.slice(1))]: '' } }));
});

test('presigned URLs', async () => {
  const body = jpeg(40);
  await put('signed/图 a+b.jpg', body);
  await put('signed/b.jpg', jpeg(41));
  const rule = animate(['signed/b.jpg']);
  for (const url of await urls({ Key: 'signed/图 a+b.jpg' })) {
    assert.deepEqual((await fetchUrl(url)).body, body);
    isProgressive((await fetchUrl(`${url}&${INTERLACE}`)).body, body);
    denied(await fetchUrl(`${url}&${rule}`), 403, 'AccessDenied');
    denied(await fetchUrl(url.replace('a%2Bb', 'a%2Bc')), 403, 'SignatureDoesNotMatch');
    denied(await fetchUrl(url, { method: 'DELETE' }), 403, 'SignatureDoesNotMatch');
    denied(await fetchUrl(url.replace(Bucket, Other)), 403, 'SignatureDoesNotMatch');
  }
  for (const url of await urls({ Key: 'signed/图 a+b.jpg', Query: { [INTERLACE]: '' } })) {
    isProgressive((await fetchUrl(url)).body, body);
    denied(await fetchUrl(url.replace('interlace%2F1=', 'interlace%2F0=')), 403, 'SignatureDoesNotMatch');
    denied(await fetchUrl(url.replace(/&imageMogr2.*/, '')), 403, 'SignatureDoesNotMatch');
    denied(await fetchUrl(`${url}1`), 403, 'SignatureDoesNotMatch');
  }
  for (const url of await urls({ Key: 'signed/图 a+b.jpg', QueryString: INTERLACE })) {
    isProgressive((await fetchUrl(url)).body, body);
  }
  for (const url of await urls({ Key: 'signed/up', Method: 'PUT' })) {
    assert.equal((await fetchUrl(url, { method: 'PUT', body: 'written' })).status, 200);
    assert.equal((await get('signed/up')).toString(), 'written');
    const headers = { 'Pic-Operations': operations(['x.jpg', INTERLACE]) };
    denied(await fetchUrl(url, { method: 'PUT', body, headers }), 403, 'AccessDenied');
  }
  const [, short] = await urls({ Key: 'signed/b.jpg', Expires: 1 });
  await sleep(2100);
  const late = await fetchUrl(short);
  denied(late, 403, 'AccessDenied');
  assert.match(late.body.toString(), /<Message>Request has expired<\/Message>/);
});

test('wrong credentials, wrong clocks', async () => {
  await put('readable/a.jpg', jpeg(50));
  await put('private/a.jpg', jpeg(51));
  await refused(403, 'SignatureDoesNotMatch', () => get('readable/a.jpg', client({ ...APPLICATION, SecretKey: 'wrong' })));
  await refused(403, 'InvalidAccessKeyId', () => get('readable/a.jpg', client({ ...APPLICATION, SecretId: 'AKIDunknown' })));
  // The SDK sees by the answer's Date that its clock is off, puts it right and tries again: a refusal that it
  // understands is one that it survives.
  for (const SystemClockOffset of [3600e3, -20000e3]) {
    const off = client(APPLICATION, { SystemClockOffset });
    assert.deepEqual(await get('readable/a.jpg', off), await get('readable/a.jpg'));
    assert.ok(Math.abs(off.options.SystemClockOffset) < 30e3);
  }
});

test('policies, anonymous requests and tokens', async () => {
  await put('public/a.jpg', jpeg(60));
  await put('readable/b.jpg', jpeg(61));
  const reader = client(READER);
  isProgressive(await get('readable/a.jpg', reader, { Query: { [INTERLACE]: '' } }));
  for (const call of [
    () => get('private/a.jpg', reader),
    () => get('private/none.jpg', reader),
    () => get('readable/a.jpg', reader, { Query: { [animate(['private/a.jpg'])]: '' } }),
    () => reader.putObject({ Bucket, Region, Key: 'readable/new', Body: 'x' }),
    () => reader.deleteObject({ Bucket, Region, Key: 'readable/a.jpg' }),
    () => reader.getBucket({ Bucket, Region }),
    () => process_('readable/a.jpg', operations(['x.jpg', INTERLACE]), reader),
  ]) {
    await refused(403, 'AccessDenied', call);
  }
  await refused(403, 'AccessDenied', () => put('locked/x', 'x'));
  const [open] = await urls({ Key: 'public/a.jpg', Sign: false, QueryString: INTERLACE });
  isProgressive((await fetchUrl(open)).body);
  const [closed] = await urls({ Key: 'private/a.jpg', Sign: false });
  denied(await fetchUrl(closed), 403, 'AccessDenied');
  const token = 'temporaryToken/+=03';
  const temporary = client({ ...TEMPORARY, SecurityToken: token });
  isProgressive(await get('readable/a.jpg', temporary, { Query: { [INTERLACE]: '' } }));
  for (const url of await urls({ Key: 'readable/a.jpg', Query: { [INTERLACE]: '' } }, temporary)) {
    const answer = await fetchUrl(url);
    assert.equal(answer.status, 200, answer.body.toString('latin1').slice(0, 500));
  }
  await refused(403, 'AccessDenied', () => get('readable/a.jpg', client(TEMPORARY)));
  await refused(403, 'AccessDenied', () => get('readable/a.jpg', client({ ...READER, SecurityToken: token })));
});

test('reaching the server by other ways', async () => {
  const domain = new COS({ ...APPLICATION, Protocol: 'http:', Domain: `127.0.0.1:${server.port}` });
  await domain.putObject({ Bucket, Region, Key: 'ways/domain', Body: 'x' });
  assert.equal((await get('ways/domain')).toString(), 'x');
  const proxy = new COS({ ...APPLICATION, Protocol: 'http:', Proxy: `http://127.0.0.1:${server.port}`, Tunnel: false });
  await proxy.putObject({ Bucket, Region, Key: 'ways/图 proxy', Body: 'x' });
  assert.equal((await get('ways/图 proxy', proxy)).toString(), 'x');
  await refused(404, 'NoSuchBucket', () => cos.getObject({ Bucket: 'none-1250000000', Region, Key: 'x' }));
});
