"""The built-in plugins: these tuples are the list of what is loaded.

ESSENTIAL plugins must load or the engine does not start; DEFAULT ones are left out with a warning where they cannot;
OPTIONAL ones are loaded where the config names them.
"""

ESSENTIAL = (
    "ck.plugins.builtin.content_local.plugin",
    "ck.plugins.builtin.runtime_native.plugin",
    "ck.plugins.builtin.storage_vfs.plugin",
    "ck.plugins.builtin.volume_local.plugin",
    "ck.plugins.builtin.log_local",
    "ck.plugins.builtin.network_plain",
    "ck.plugins.builtin.restart_policies",
    "ck.plugins.builtin.docker_api.plugin",
)
DEFAULT = (
    "ck.plugins.builtin.storage_erofs.plugin",
    "ck.plugins.builtin.storage_overlay.plugin",
    "ck.plugins.builtin.registry_distribution.plugin",
    "ck.plugins.builtin.registry_layout.plugin",
    "ck.plugins.builtin.registry_host.plugin",
    "ck.plugins.builtin.network_bridge.plugin",
    "ck.plugins.builtin.resolver_dns.plugin",
    "ck.plugins.builtin.health_probes.plugin",
    "ck.plugins.builtin.log_json_file",
    "ck.plugins.builtin.log_none",
)
OPTIONAL: tuple[str, ...] = ()
