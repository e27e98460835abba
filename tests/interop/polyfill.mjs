// node 20 lacks what js-libp2p takes from later releases. Load it before them: node --import ./polyfill.mjs
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};
