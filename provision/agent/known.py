"""Well-known Ansible modules that we do not have: their names draw a warning and are not called misspelled."""

from __future__ import annotations

from typing import FrozenSet, Set

_BY_COLLECTION = {
    "ansible.builtin": """
        add_host apt_key assemble cron deb822_repository debconf dnf dnf5 dpkg_selections expect find getent group_by
        hostname include_vars iptables known_hosts mount_facts package package_facts pause raw replace rpm_key script
        service_facts set_stats subversion sysvinit tempfile validate_argument_spec yum
        yum_repository win_command win_shell
    """,
    "ansible.posix": """
        acl at authorized_key firewalld firewalld_info mount patch rhel_facts rhel_rpm_ostree rpm_ostree_upgrade
        seboolean selinux synchronize sysctl
    """,
    "community.general": """
        aix_filesystem alerta_customer alternatives apk apt_repo apt_rpm archive awall beadm bigpanda bower bundler
        bzr campfire capabilities cargo chroot composer consul consul_kv copr cpanm cronvar crypttab datadog_event
        deploy_helper dconf discord dnf_config_manager dnf_versionlock easy_install ejabberd_user etcd3 facter
        filesystem flatpak flatpak_remote gconftool2 gem git_config git_config_info github_deploy_key github_key
        github_release github_webhook gitlab_group gitlab_project gitlab_runner gitlab_user gunicorn haproxy hg
        homebrew homebrew_cask homebrew_tap homectl htpasswd influxdb_database ini_file installp interfaces_file
        ipa_group ipa_host ipa_user irc iso_create iso_extract java_cert java_keystore jenkins_job jenkins_plugin
        kdeconfig kernel_blacklist keycloak_client keycloak_realm launchd layman ldap_attrs ldap_entry ldap_passwd
        ldap_search listen_ports_facts locale_gen logentries logstash_plugin lvg lvol lxc_container lxd_container
        lxd_profile macports mail mattermost maven_artifact modprobe monit mssql_db nagios newrelic_deployment
        nictagadm nmcli nomad_job nosh npm odbc ohai open_iscsi openbsd_pkg opkg osx_defaults pacemaker_cluster
        packet_device pacman pacman_key pagerduty pamd pam_limits parted pear persist pids pip_package_info pipx pkgin
        pkgng pkgutil portage portinstall proxmox proxmox_kvm puppet python_requirements_info read_csv
        redhat_subscription redis redis_info rhsm_release rhsm_repository rocketchat rollbar_deployment rpm_ostree_pkg
        rundeck_job runit say scaleway_compute sefcontext selinux_permissive selogin seport sendgrid serf shutdown
        slack slackpkg snap snap_alias snmp_facts sorcery ssh_config statusio_maintenance sudoers supervisorctl svc
        svr4pkg swdepot swupd syslogger sysrc sysupgrade telegram terraform timezone twilio ufw urpmi uv_package vdo
        wakeonlan wdc_redfish_command xattr xbps xfconf xfs_quota xml yarn zfs zfs_facts zpool_facts zypper
        zypper_repository
    """,
    "community.crypto": """
        acme_account acme_certificate acme_certificate_revoke crypto_info get_certificate luks_device openssh_cert
        openssh_keypair openssl_csr openssl_csr_info openssl_dhparam openssl_pkcs12 openssl_privatekey
        openssl_privatekey_info openssl_publickey openssl_signature x509_certificate x509_certificate_info x509_crl
    """,
    "community.docker": """
        docker_compose docker_compose_v2 docker_compose_v2_exec docker_compose_v2_pull docker_compose_v2_run
        docker_config docker_container docker_container_exec docker_container_info docker_host_info docker_image
        docker_image_build docker_image_export docker_image_info docker_image_load docker_image_pull docker_image_push
        docker_image_remove docker_image_tag docker_login docker_network docker_network_info docker_node docker_plugin
        docker_prune docker_secret docker_stack docker_swarm docker_swarm_service docker_volume docker_volume_info
    """,
    "community.mysql": """
        mysql_db mysql_info mysql_query mysql_replication mysql_role mysql_user mysql_variables
    """,
    "community.postgresql": """
        postgresql_db postgresql_ext postgresql_info postgresql_membership postgresql_owner postgresql_pg_hba
        postgresql_ping postgresql_privs postgresql_query postgresql_schema postgresql_script postgresql_set
        postgresql_table postgresql_tablespace postgresql_user
    """,
    "community.mongodb": """
        mongodb_shell mongodb_user
    """,
    "community.rabbitmq": """
        rabbitmq_plugin rabbitmq_user rabbitmq_vhost
    """,
    "community.grafana": """
        grafana_dashboard grafana_datasource
    """,
    "community.zabbix": """
        zabbix_host
    """,
    "containers.podman": """
        podman_container podman_image podman_network podman_volume
    """,
    "kubernetes.core": """
        helm helm_repository k8s k8s_info
    """,
    "google.cloud": """
        gcp_compute_instance gcp_compute_firewall gcp_compute_disk gcp_compute_network
    """,
    "amazon.aws": """
        ec2_instance s3_object
    """,
    "community.libvirt": """
        virt virt_net virt_pool
    """,
    "ansible.windows": """
        win_copy win_feature win_file win_package win_reboot win_service win_user
    """,
    "community.proxysql": """
        proxysql_backend_servers
    """,
}


def _names() -> FrozenSet[str]:
    """Short names and full ones, as playbooks write both."""
    found: Set[str] = set()
    for collection, words in _BY_COLLECTION.items():
        for name in words.split():
            found.update((name, collection + "." + name))
        if collection == "ansible.builtin":
            found.update("ansible.legacy." + name for name in words.split())
    return frozenset(found)


KNOWN_ELSEWHERE: FrozenSet[str] = _names()
