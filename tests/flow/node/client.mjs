// SPDX-License-Identifier: Apache-2.0
// The API as JavaScript programs use it: @kubernetes/client-node, unchanged.
import * as k8s from '@kubernetes/client-node';
import net from 'node:net';
import { PassThrough } from 'node:stream';

const NS = 'node-client';
const IMAGE = 'localhost/busybox:1';
const kc = new k8s.KubeConfig();
kc.loadFromDefault();
const core = kc.makeApiClient(k8s.CoreV1Api);
const apps = kc.makeApiClient(k8s.AppsV1Api);

let passed = 0;
let failed = 0;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function test(name, fn) {
  const late = new Promise((_, no) => setTimeout(() => no(new Error('took over 40 s')), 40000).unref());
  try {
    await Promise.race([fn(), late]);
    passed++;
  } catch (e) {
    failed++;
    console.log(`FAILED: ${name}: ${e.stack || e} ${e.body || ''}`);
  }
}

function expect(ok, what) {
  if (!ok) throw new Error(`expected ${what}`);
}

async function until(what, fn) {
  for (let i = 0; i < 300; i++) {
    if (await fn().catch(() => false)) return;
    await sleep(100);
  }
  throw new Error(`${what} did not happen within 30 s`);
}

const pod = (name, command) => ({
  metadata: { name, labels: { app: name } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: IMAGE, command }] },
});
const running = (name) => until(`${name} running`, async () =>
  (await core.readNamespacedPod({ name, namespace: NS })).status.phase === 'Running');

await test('create and list', async () => {
  await core.createNamespace({ body: { metadata: { name: NS } } });
  await until('service account', () => core.readNamespacedServiceAccount({ name: 'default', namespace: NS }));
  await core.createNamespacedConfigMap({ namespace: NS, body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  const list = await core.listNamespacedConfigMap({ namespace: NS });
  expect(list.items.some((i) => i.metadata.name === 'a' && i.data.k === 'v'), 'configmap a in the list');
});

await test('not found is a Status', async () => {
  try {
    await core.readNamespacedPod({ name: 'nope', namespace: NS });
  } catch (e) {
    const body = typeof e.body === 'string' ? JSON.parse(e.body) : e.body;
    expect(e.code === 404 && body.reason === 'NotFound' && body.message === 'pods "nope" not found', `a 404 Status, got ${e.body}`);
    return;
  }
  throw new Error('no error');
});

await test('watch', async () => {
  const seen = [];
  const watch = new k8s.Watch(kc);
  const req = await watch.watch(`/api/v1/namespaces/${NS}/configmaps`, {}, (type, o) => seen.push(`${type} ${o.metadata.name}`), () => {});
  await core.createNamespacedConfigMap({ namespace: NS, body: { metadata: { name: 'w' } } });
  await core.deleteNamespacedConfigMap({ name: 'w', namespace: NS });
  await until('both events', async () => seen.includes('ADDED w') && seen.includes('DELETED w'));
  req.abort();
});

await test('informer', async () => {
  const informer = k8s.makeInformer(kc, `/api/v1/namespaces/${NS}/configmaps`, () => core.listNamespacedConfigMap({ namespace: NS }));
  const seen = [];
  for (const ev of ['add', 'update', 'delete']) informer.on(ev, (o) => seen.push(`${ev} ${o.metadata.name}`));
  await informer.start();
  await until('the existing object', async () => seen.includes('add a'));
  const i = await core.createNamespacedConfigMap({ namespace: NS, body: { metadata: { name: 'i' }, data: { n: '1' } } });
  i.data.n = '2';
  await core.replaceNamespacedConfigMap({ name: 'i', namespace: NS, body: i });
  await core.deleteNamespacedConfigMap({ name: 'i', namespace: NS });
  await until('add, update, delete', async () => ['add i', 'update i', 'delete i'].every((e) => seen.includes(e)));
  await informer.stop();
});

await test('stale update conflicts', async () => {
  const a = await core.readNamespacedConfigMap({ name: 'a', namespace: NS });
  await core.replaceNamespacedConfigMap({ name: 'a', namespace: NS, body: { ...a, data: { k: '2' } } });
  try {
    await core.replaceNamespacedConfigMap({ name: 'a', namespace: NS, body: { ...a, data: { k: '3' } } });
  } catch (e) {
    expect(e.code === 409, `409, got ${e.code}`);
    return;
  }
  throw new Error('the stale update went through');
});

await test('server-side apply', async () => {
  const client = k8s.KubernetesObjectApi.makeApiClient(kc);
  const spec = (replicas) => ({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'applied', namespace: NS },
    spec: {
      replicas, selector: { matchLabels: { app: 'applied' } },
      template: { metadata: { labels: { app: 'applied' } }, spec: pod('x', ['sleep', '3600']).spec },
    },
  });
  const made = await client.patch(spec(1), undefined, undefined, 'node-test', true, k8s.PatchStrategy.ServerSideApply);
  expect(made.metadata.managedFields.some((m) => m.manager === 'node-test' && m.operation === 'Apply'), 'the manager');
  const changed = await client.patch(spec(2), undefined, undefined, 'node-test', true, k8s.PatchStrategy.ServerSideApply);
  expect(changed.spec.replicas === 2, 'two replicas');
  await until('two ready', async () => (await apps.readNamespacedDeployment({ name: 'applied', namespace: NS })).status.readyReplicas === 2);
  await apps.deleteNamespacedDeployment({ name: 'applied', namespace: NS });
});

await test('logs', async () => {
  await core.createNamespacedPod({ namespace: NS, body: pod('talk', ['sh', '-c', 'echo one; echo two; exec sleep 3600']) });
  await running('talk');
  await until('both lines', async () => (await core.readNamespacedPodLog({ name: 'talk', namespace: NS })) === 'one\ntwo\n');
});

await test('exec', async () => {
  const exec = new k8s.Exec(kc);
  const out = new PassThrough();
  const input = new PassThrough();
  let text = '';
  out.on('data', (d) => { text += d; });
  const status = await new Promise((yes, no) => {
    exec.exec(NS, 'talk', 'c', ['sh', '-c', 'read x; echo "got $x"; exit 7'], out, process.stderr, input, false, yes).catch(no);
    input.write('word\n');
  });
  expect(text === 'got word\n', `the output, got ${JSON.stringify(text)}`);
  expect(status.status === 'Failure' && status.details.causes.some((c) => c.reason === 'ExitCode' && c.message === '7'), 'exit code 7');
});

await test('port-forward', async () => {
  await core.createNamespacedPod({ namespace: NS, body: pod('web', ['sh', '-c', 'mkdir /w; echo served > /w/index.html; exec httpd -f -p 8080 -h /w']) });
  await running('web');
  const forward = new k8s.PortForward(kc);
  const server = net.createServer((s) => { forward.portForward(NS, 'web', [8080], s, null, s); });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  await until('the page', async () => {
    const r = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5000) });
    return (await r.text()) === 'served\n';
  });
  server.close();
});

await test('delete everything', async () => {
  await core.deleteNamespace({ name: NS });
  await until('gone', async () => core.readNamespace({ name: NS }).then(() => false, (e) => e.code === 404));
});

console.log(`${passed} checks passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
