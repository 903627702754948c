// Sends by the vendor's own client, unchanged but for its addresses: node stock.js ADDRESS CALLS, the calls as JSON.
const axios = require('axios');
const aligoapi = require('aligoapi');

const [address, calls] = process.argv.slice(2);
axios.interceptors.request.use((config) => {
  config.url = config.url.replace(/^https:\/\/(apis|kakaoapi)\.aligo\.in/, address);
  return config;
});

(async () => {
  const answers = [];
  for (const [name, body, auth] of JSON.parse(calls)) {
    answers.push(await aligoapi[name]({ headers: {}, body }, auth));
  }
  console.log(JSON.stringify(answers));
})();
