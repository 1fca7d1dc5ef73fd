// What oidc-provider keeps, in memory, and for longer than one of its lives: its own store ends with it.

/** A store, as the `adapter` of a provider's configuration. What is over is told by the provider itself. */
export function storeInMemory() {
  const rows = new Map();
  const found = (model, suits) => {
    const [, row] = [...rows].find(([key, row]) => key.startsWith(`${model}:`) && suits(row)) ?? [];
    return row;
  };
  return (model) => ({
    upsert: async (id, row) => void rows.set(`${model}:${id}`, row),
    find: async (id) => rows.get(`${model}:${id}`),
    findByUid: async (uid) => found(model, (row) => row.uid === uid),
    findByUserCode: async (userCode) => found(model, (row) => row.userCode === userCode),
    consume: async (id) => {
      rows.get(`${model}:${id}`).consumed = Math.floor(Date.now() / 1000);
    },
    destroy: async (id) => void rows.delete(`${model}:${id}`),
    revokeByGrantId: async (grantId) => {
      for (const [key, row] of rows) if (key.startsWith(`${model}:`) && row.grantId === grantId) rows.delete(key);
    },
  });
}
