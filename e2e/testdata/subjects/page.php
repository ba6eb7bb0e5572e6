<?php
// A page that keeps count in a session.
session_start();
$_SESSION['seen'] = ($_SESSION['seen'] ?? 0) + 1;
echo json_encode(['seen' => $_SESSION['seen'], 'php' => PHP_VERSION]);
