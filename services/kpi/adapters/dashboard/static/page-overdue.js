export const page = { load: async () => ({}), view: () => [] };
